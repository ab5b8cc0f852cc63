import io
import json
import os

import boto3

s3 = boto3.client("s3")
s3.put_object(Bucket="ada-engines", Key="notes/a b.txt", Body=b"hello")
s3.upload_fileobj(io.BytesIO(b"in chunks"), "ada-engines", "chunks")
print(s3.get_object(Bucket="ada-engines", Key="notes/a b.txt")["Body"].read().decode())
print(s3.list_objects_v2(Bucket="ada-engines", Prefix="notes/")["KeyCount"])

question = {"messages": [{"role": "user", "content": f"What is {os.environ['AWS_ACCESS_KEY_ID']}?"}]}
answer = boto3.client("bedrock-runtime").invoke_model(modelId="ada.model-1:0", body=json.dumps(question))
print(json.loads(answer["body"].read())["text"])
