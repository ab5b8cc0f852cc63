import asyncio
import json
import os
import sys

import anthropic

options = {"base_url": sys.argv[1] + "/api/v4", "auth_token": os.environ["GITLAB_ACCESS_TOKEN"]}


async def main():
    async with anthropic.AsyncAnthropic(**options) as client:
        print(json.dumps(await client.get("/user", cast_to=object)))


if "async" in sys.argv:
    asyncio.run(main())
else:
    with anthropic.Anthropic(**options) as client:
        print(json.dumps(client.get("/user", cast_to=object)))
