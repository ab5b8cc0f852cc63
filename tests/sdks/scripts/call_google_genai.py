import os

from google import genai

client = genai.Client()
question = f"What is {os.environ['GEMINI_API_KEY']}?"
print(client.models.generate_content(model="m", contents=question).text)

pieces = []
for chunk in client.models.generate_content_stream(model="m", contents=question):
    pieces.append(chunk.text)
    if len(pieces) == 1:
        client.models.get(model="m")
print(*pieces)
