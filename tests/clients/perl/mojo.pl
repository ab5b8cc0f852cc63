use strict;
use warnings;
use Mojo::UserAgent;

my $result = Mojo::UserAgent->new->get($ARGV[0])->result;
die $result->code unless $result->is_success;
print $result->body;
