import os

from openai import OpenAI

client = OpenAI()
message = {"role": "user", "content": f"What is {os.environ['OPENAI_API_KEY']}?"}
print(client.chat.completions.create(model="m", messages=[message]).choices[0].message.content)

stream = client.chat.completions.create(model="m", messages=[message], stream=True)
first = next(stream)
client.models.list()
print(*[chunk.choices[0].delta.content for chunk in [first, *stream]])
