import os

from sendgrid import SendGridAPIClient
from sendgrid.helpers.mail import Mail

mail = Mail(from_email="ada@example.com", to_emails="bob@example.com", subject="hello", plain_text_content="hello")
print(SendGridAPIClient(os.environ["SENDGRID_API_KEY"]).send(mail).headers["x-message-id"])
