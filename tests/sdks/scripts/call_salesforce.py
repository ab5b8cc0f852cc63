import os

from simple_salesforce import Salesforce

client = Salesforce(instance="acme.my.salesforce.com", session_id=os.environ["SALESFORCE_ACCESS_TOKEN"])
print(client.query("SELECT Name FROM Account")["records"][0]["Name"])
