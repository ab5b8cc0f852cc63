import os

import cohere

messages = [{"role": "user", "content": f"What is {os.environ['CO_API_KEY']}?"}]
print(cohere.ClientV2().chat(model="m", messages=messages).message.content[0].text)
