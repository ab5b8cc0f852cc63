from tavily import TavilyClient

print(TavilyClient().search("what is there?")["results"][0]["title"])
