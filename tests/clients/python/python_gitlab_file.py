import os
import sys

import gitlab

client = gitlab.Gitlab(sys.argv[1], private_token=os.environ["GITLAB_ACCESS_TOKEN"])
print(client.projects.get(1).files.raw("README.md", ref="main").decode())
