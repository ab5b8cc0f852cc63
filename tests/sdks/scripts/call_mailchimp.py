import os

from mailchimp_marketing import Client

client = Client({"api_key": os.environ["MAILCHIMP_API_KEY"], "server": os.environ["MAILCHIMP_SERVER_PREFIX"]})
print(client.ping.get()["health_status"])
