import os

from stripe import StripeClient

print(StripeClient(os.environ["STRIPE_API_KEY"]).v1.customers.create({"name": "Ada"}).id)
