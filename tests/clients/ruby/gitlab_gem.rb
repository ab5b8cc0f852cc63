require "gitlab"
require "json"

# Endpoint and token are in the environment: GITLAB_API_ENDPOINT, GITLAB_API_PRIVATE_TOKEN.
puts JSON.generate(Gitlab.user.to_h)
