import os

from brevo import Brevo

print(Brevo(api_key=os.environ["BREVO_API_KEY"]).account.get_account().email)
