import os

from mistralai.client import Mistral

client = Mistral(api_key=os.environ["MISTRAL_API_KEY"])
messages = [{"role": "user", "content": f"What is {os.environ['MISTRAL_API_KEY']}?"}]
print(client.chat.complete(model="m", messages=messages).choices[0].message.content)
