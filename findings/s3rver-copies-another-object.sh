#!/bin/sh
# Believed: a server copies the object that x-amz-copy-source names, or responds with an error.
# So: s3rver does not decode %23 and some other escapes of the name: a copy of a# is a copy of
# a%23 if that exists, with status 200, and NoSuchKey if not.
# Matters: a move that trusts the status deletes the only copy of a#.
# Versions: s3rver 3.7.1 (npm), boto3 1.44.8.
# Output:
#   copy of a#: b'content of a%23'
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
    for key in ("a#", "a%23"):
        s3.put_object(Bucket="bucket", Key=key, Body=f"content of {key}".encode())
    s3.copy_object(Bucket="bucket", Key="copy", CopySource={"Bucket": "bucket", "Key": "a#"})
    body = s3.get_object(Bucket="bucket", Key="copy")["Body"].read()
finally:
    server.kill()
    server.wait()
print("copy of a#:", body)
assert body == b"content of a%23"
END
PYTHONPATH=site python3 check.py
