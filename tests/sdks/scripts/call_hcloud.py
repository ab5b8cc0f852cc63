import os

from hcloud import Client

print(Client(token=os.environ["HCLOUD_TOKEN"]).ssh_keys.get_all()[0].name)
