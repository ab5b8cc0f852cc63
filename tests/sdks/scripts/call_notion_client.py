import os

from notion_client import Client

print(Client(auth=os.environ["NOTION_TOKEN"]).users.me()["name"])
