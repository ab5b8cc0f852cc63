from pinecone import Pinecone

print(Pinecone().list_indexes().names())
