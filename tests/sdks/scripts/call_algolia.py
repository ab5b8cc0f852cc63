import os

from algoliasearch.search.client import SearchClientSync

client = SearchClientSync("ADAAPP1234", os.environ["ALGOLIA_API_KEY"])
print(client.search_single_index("engines").hits[0].object_id)
