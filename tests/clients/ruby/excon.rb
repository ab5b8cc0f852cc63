require "excon"

puts Excon.get(ARGV[0], expects: 200).body
