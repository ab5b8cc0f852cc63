import os

from groq import Groq

messages = [{"role": "user", "content": f"What is {os.environ['GROQ_API_KEY']}?"}]
print(Groq().chat.completions.create(model="m", messages=messages).choices[0].message.content)
