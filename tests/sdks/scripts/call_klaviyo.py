import os

from klaviyo_api import KlaviyoAPI

print(KlaviyoAPI(os.environ["KLAVIYO_API_KEY"]).Accounts.get_accounts().data[0].id)
