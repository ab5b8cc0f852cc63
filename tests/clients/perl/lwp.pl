use strict;
use warnings;
use LWP::UserAgent;

my $response = LWP::UserAgent->new->get($ARGV[0]);
die $response->status_line unless $response->is_success;
print $response->content;
