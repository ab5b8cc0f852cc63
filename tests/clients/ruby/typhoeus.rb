require "typhoeus"

response = Typhoeus.get(ARGV[0])
abort response.return_message unless response.success?
puts response.body
