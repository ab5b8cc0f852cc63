import os

from intercom import Intercom
from intercom.environment import IntercomEnvironment

client = Intercom(token=os.environ["INTERCOM_API_KEY"], environment=IntercomEnvironment.EU_PRODUCTION)
print(client.tags.list().data[0].name)
