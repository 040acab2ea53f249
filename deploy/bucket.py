"""Makes the bucket once; the web nodes wait for it."""

import os
import time

import boto3
from botocore.exceptions import BotoCoreError, ClientError

store = boto3.client(
    "s3",
    endpoint_url=os.environ["S3_ENDPOINT_URL"],
    aws_access_key_id=os.environ["S3_ACCESS_KEY_ID"],
    aws_secret_access_key=os.environ["S3_SECRET_ACCESS_KEY"],
    region_name=os.environ["S3_REGION_NAME"],
)
name = os.environ["S3_BUCKET_NAME"]
for _ in range(60):
    try:
        if name not in [bucket["Name"] for bucket in store.list_buckets()["Buckets"]]:
            store.create_bucket(Bucket=name)
        break
    except (BotoCoreError, ClientError) as error:
        print("The store is not ready yet:", error)
        time.sleep(1)
else:
    raise SystemExit("The store did not answer.")
