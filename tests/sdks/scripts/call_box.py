import os

from box_sdk_gen import BoxClient, BoxDeveloperTokenAuth

print(BoxClient(auth=BoxDeveloperTokenAuth(token=os.environ["BOX_ACCESS_TOKEN"])).users.get_user_me().name)
