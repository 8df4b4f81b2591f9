#!/bin/sh
# Believed: ListObjectsV2 lists keys in the order of their bytes, on every server that speaks S3.
# So: s3rver lists f/g before f.
# Matters: what merges two listings in one pass takes f for missing or extraneous; start-after and
# continuation by key skip or repeat objects.
# Versions: s3rver 3.7.1 (npm), boto3 1.44.8.
# Output:
#   ['f/g', 'f']
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit s3rver@3.7.1
python3 -m pip install --quiet --disable-pip-version-check --no-compile --target site boto3==1.44.8
cat > check.py <<'END'
import os, pathlib, socket, subprocess, time
import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]

def client(key):
    """Return a client, once the server responds."""
    config = Config(s3={"addressing_style": "path"}, retries={"max_attempts": 0},
                    request_checksum_calculation="when_required",
                    response_checksum_validation="when_required")
    made = boto3.client("s3", endpoint_url=f"http://127.0.0.1:{port}", region_name="us-east-1",
                        aws_access_key_id=key, aws_secret_access_key=key, config=config)
    for _ in range(200):
        try:
            with socket.create_connection(("127.0.0.1", port)):
                break
        except ConnectionRefusedError:
            time.sleep(0.1)
    made.create_bucket(Bucket="bucket")
    return made

os.mkdir("data")
server = subprocess.Popen(["node_modules/.bin/s3rver", "-p", str(port), "-a", "127.0.0.1", "-d", "data",
                           "--silent", "--no-vhost-buckets"],
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

try:
    s3 = client("S3RVER")
    for key in ("f", "f/g"):
        s3.put_object(Bucket="bucket", Key=key, Body=b"x")
    keys = [found["Key"] for found in s3.list_objects_v2(Bucket="bucket")["Contents"]]
finally:
    server.kill()
    server.wait()
print(keys)
assert keys == ["f/g", "f"] != sorted(keys)
END
PYTHONPATH=site python3 check.py
