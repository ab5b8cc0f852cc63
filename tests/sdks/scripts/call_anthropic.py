import os

from anthropic import Anthropic

client = Anthropic()
asked = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": f"What is {os.environ['ANTHROPIC_API_KEY']}?"}]}
print(client.messages.create(**asked).content[0].text)

pieces = []
with client.messages.stream(**asked) as stream:
    for text in stream.text_stream:
        pieces.append(text)
        if len(pieces) == 1:
            client.models.list()
print(*pieces)
