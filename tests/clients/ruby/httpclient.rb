require "httpclient"

puts HTTPClient.get_content(ARGV[0])
