import os

import resend

resend.api_key = os.environ["RESEND_API_KEY"]
print(resend.Emails.send({"from": "ada@example.com", "to": "bob@example.com", "subject": "hello", "text": "hello"})["id"])
