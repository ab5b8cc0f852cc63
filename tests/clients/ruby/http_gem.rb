require "http"

response = HTTP.get(ARGV[0])
abort response.status.to_s unless response.status.ok?
puts response.to_s
