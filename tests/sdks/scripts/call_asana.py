import os

import asana

configuration = asana.Configuration()
configuration.access_token = os.environ["ASANA_ACCESS_TOKEN"]
print(asana.UsersApi(asana.ApiClient(configuration)).get_user("me", {})["name"])
