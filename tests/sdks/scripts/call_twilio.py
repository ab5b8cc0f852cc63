from twilio.rest import Client

print(Client().messages.create(to="+15005550001", from_="+15005550006", body="hello").sid)
