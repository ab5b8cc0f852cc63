use strict;
use warnings;
use HTTP::Tiny;

my $response = HTTP::Tiny->new->get($ARGV[0]);
die "$response->{status} $response->{content}" unless $response->{success};
print $response->{content};
