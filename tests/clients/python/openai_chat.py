# Whole or streamed, with the synchronous or the asynchronous client.
import asyncio
import os
import sys

import openai

options = {"base_url": sys.argv[1] + "/api/v4/v1", "api_key": os.environ["GITLAB_ACCESS_TOKEN"]}
question = {"model": "m", "messages": [{"role": "user", "content": "Who is there?"}]}


async def main():
    async with openai.AsyncOpenAI(**options) as client:
        async for chunk in await client.chat.completions.create(stream=True, **question):
            print(chunk.choices[0].delta.content or "", end="")
        print(";", (await client.chat.completions.create(**question)).choices[0].message.content)


if "async" in sys.argv:
    asyncio.run(main())
else:
    with openai.OpenAI(**options) as client:
        for chunk in client.chat.completions.create(stream=True, **question):
            print(chunk.choices[0].delta.content or "", end="")
        print(";", client.chat.completions.create(**question).choices[0].message.content)
