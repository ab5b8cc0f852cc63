import os

from pagerduty import RestApiV2Client

print(RestApiV2Client(os.environ["PAGERDUTY_TOKEN"]).list_all("services")[0]["name"])
