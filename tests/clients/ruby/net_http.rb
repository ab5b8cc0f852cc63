require "net/http"

response = Net::HTTP.get_response(URI(ARGV[0]))
abort response.inspect unless response.is_a?(Net::HTTPOK)
puts response.body
