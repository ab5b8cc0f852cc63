require "faraday"

response = Faraday.get(ARGV[0])
abort response.status.to_s unless response.success?
puts response.body
