import os
import sys

import urllib3

manager = urllib3.ProxyManager(os.environ["https_proxy"]) if "proxy" in sys.argv else urllib3.PoolManager()
response = manager.request("GET", sys.argv[1])
print(response.data.decode())
sys.exit(response.status != 200)
