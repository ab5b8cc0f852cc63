import os

from google.oauth2.credentials import Credentials
from googleapiclient.discovery import build

credentials = Credentials(os.environ["GOOGLE_DRIVE_ACCESS_TOKEN"])
with build("drive", "v3", credentials=credentials) as drive:
    print(drive.files().list().execute()["files"][0]["name"])
