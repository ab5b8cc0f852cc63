import json
import os
import sys

import gitlab

client = gitlab.Gitlab(sys.argv[1], **{sys.argv[2]: os.environ["GITLAB_ACCESS_TOKEN"]})
client.auth()
print(json.dumps(client.user.attributes))
