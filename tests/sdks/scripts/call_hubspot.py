import os

from hubspot import HubSpot

print(HubSpot(access_token=os.environ["HUBSPOT_ACCESS_TOKEN"]).crm.contacts.basic_api.get_page().results[0].id)
