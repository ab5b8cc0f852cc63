import os

from pyairtable import Api

print(Api(os.environ["AIRTABLE_API_KEY"]).table("appAda", "Engines").all()[0]["fields"]["Name"])
