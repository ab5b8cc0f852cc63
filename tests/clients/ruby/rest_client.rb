require "rest-client"

puts RestClient.get(ARGV[0]).body
