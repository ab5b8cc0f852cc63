# GitLab is no object store; what matters is the way that the client takes.
import sys

import boto3
from botocore import UNSIGNED
from botocore.config import Config

config = Config(signature_version=UNSIGNED, s3={"addressing_style": "path"}, retries={"max_attempts": 1})
s3 = boto3.client("s3", endpoint_url=sys.argv[1] + "/api/v4", region_name="eu-west-1", config=config)
response = s3.get_object(Bucket="projects", Key="1/repository/files/README.md/raw")
print(response["Body"].read().decode())
