import os

import shopify

with shopify.Session.temp(os.environ["SHOPIFY_SHOP"], "2026-07", os.environ["SHOPIFY_ACCESS_TOKEN"]):
    print(shopify.Shop.current().name)
