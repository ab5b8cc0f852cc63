import os

from slack_sdk import WebClient

print(WebClient(token=os.environ["SLACK_BOT_TOKEN"]).chat_postMessage(channel="C1", text="hello")["ts"])
