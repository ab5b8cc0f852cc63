import os

from zenpy import Zenpy

names = {"email": "ZENDESK_EMAIL", "token": "ZENDESK_API_TOKEN", "subdomain": "ZENDESK_SUBDOMAIN"}
print(Zenpy(**{name: os.environ[variable] for name, variable in names.items()}).users.me().name)
