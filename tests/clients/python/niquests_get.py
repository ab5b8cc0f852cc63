import asyncio
import sys

import niquests


async def main():
    async with niquests.AsyncSession() as session:
        print((await session.get(sys.argv[1], timeout=30)).raise_for_status().text)


if "async" in sys.argv:
    asyncio.run(main())
else:
    print(niquests.get(sys.argv[1], timeout=30).raise_for_status().text)
