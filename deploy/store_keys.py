"""Writes the key of the file store where the store reads it. As JSON's own writer does, whatever the password holds."""

import json
import os
import sys

key = {"accessKey": os.environ["S3_ACCESS_KEY_ID"], "secretKey": os.environ["S3_SECRET_ACCESS_KEY"]}
identity = {"name": "webui", "actions": ["Admin", "Read", "Write", "List", "Tagging"], "credentials": [key]}
with open(sys.argv[1], "w", encoding="utf-8") as file:
    json.dump({"identities": [identity]}, file)
