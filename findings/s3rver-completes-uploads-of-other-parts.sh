#!/bin/sh
# Believed: CompleteMultipartUpload fails with InvalidPart if an ETag in the request is not that
# of the part.
# So: s3rver joins the parts with these numbers, whatever the ETags are.
# Matters: a part that was replaced by another upload with the same number ends up in the object
# unnoticed; tests against this server cannot show it.
# Versions: s3rver 3.7.1 (npm), boto3 1.44.8.
# Output:
#   status 200, 5242881 bytes
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
    place = {"Bucket": "bucket", "Key": "key"}
    upload = s3.create_multipart_upload(**place)["UploadId"]
    for number, body in ((1, b"z" * 5 * 2**20), (2, b"1")):
        s3.upload_part(**place, UploadId=upload, PartNumber=number, Body=body)
    parts = [{"PartNumber": number, "ETag": '"0"'} for number in (1, 2)]
    response = s3.complete_multipart_upload(**place, UploadId=upload, MultipartUpload={"Parts": parts})
    size = s3.head_object(**place)["ContentLength"]
finally:
    server.kill()
    server.wait()
status = response["ResponseMetadata"]["HTTPStatusCode"]
print(f"status {status}, {size} bytes")
assert (status, size) == (200, 5 * 2**20 + 1)
END
PYTHONPATH=site python3 check.py
