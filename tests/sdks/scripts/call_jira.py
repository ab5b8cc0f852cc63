import os

from jira import JIRA

jira = JIRA(os.environ["JIRA_URL"], basic_auth=(os.environ["JIRA_USERNAME"], os.environ["JIRA_API_TOKEN"]))
print(jira.myself()["displayName"])
