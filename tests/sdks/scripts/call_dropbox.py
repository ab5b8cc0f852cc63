import os

from dropbox import Dropbox

with Dropbox(os.environ["DROPBOX_ACCESS_TOKEN"]) as client:
    print(client.users_get_current_account().name.display_name)
    print(client.files_download("/a.txt")[1].content.decode())
