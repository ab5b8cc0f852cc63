import json
import os
import sys

import gitlab

client = gitlab.GraphQL(sys.argv[1], token=os.environ["GITLAB_ACCESS_TOKEN"])
print(json.dumps(client.execute("{ currentUser { username } }")))
