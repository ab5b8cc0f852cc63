import os

from mailgun.client import Client

client = Client(auth=("api", os.environ["MAILGUN_API_KEY"]))
mail = {"from": "ada@example.com", "to": "bob@example.com", "subject": "hello", "text": "hello"}
print(client.messages.create(data=mail, domain="example.com").json()["id"])
