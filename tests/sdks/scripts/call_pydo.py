import os

from pydo import Client

print(Client(token=os.environ["DIGITALOCEAN_TOKEN"]).account.get()["account"]["email"])
