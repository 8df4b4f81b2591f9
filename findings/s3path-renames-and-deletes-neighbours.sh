#!/bin/sh
# Believed: S3Path("/bucket/run1").rename and rmdir, as those of pathlib, change run1 and what is
# below it.
# So: s3path takes the key as a prefix without a slash: rename moves run10 and run1.txt as well, and
# rmdir deletes them, also if the path is written with a slash. cloudpathlib and s3fs delete the
# folder only.
# Matters: moving or removing one run takes all runs along whose numbers begin with the same digits,
# without an error.
# Versions: s3path 0.6.5, cloudpathlib 0.26.0, s3fs 2026.9.0, moto 5.2.5.
# Output, of run1/a, run10/a and run1.txt:
#   s3path, rename to done/run1: ['done/run1.txt', 'done/run1/a', 'done/run10/a']
#   s3path, rmdir: []
#   s3path, rmdir of run1/: []
#   cloudpathlib, rmtree: ['run1.txt', 'run10/a']
#   s3fs, rm: ['run1.txt', 'run10/a']
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m pip install --quiet --disable-pip-version-check --no-compile --target site s3path==0.6.5 cloudpathlib==0.26.0 s3fs==2026.9.0 moto[server]==5.2.5 boto3==1.43.117
cat > check.py <<'END'
import os
os.environ.update(AWS_ACCESS_KEY_ID="any", AWS_SECRET_ACCESS_KEY="any", AWS_DEFAULT_REGION="us-east-1")
import logging
import boto3, cloudpathlib, s3fs
from moto.server import ThreadedMotoServer
from s3path import S3Path

logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
os.environ["AWS_ENDPOINT_URL"] = url = "http://{}:{}".format(*server.get_host_and_port())
s3 = boto3.client("s3")
s3.create_bucket(Bucket="bucket")

def keys():
    return [one["Key"] for one in s3.list_objects_v2(Bucket="bucket").get("Contents", [])]

def left_by(action):
    """Return the keys after an action on run1."""
    for key in keys():
        s3.delete_object(Bucket="bucket", Key=key)
    for key in ("run1/a", "run10/a", "run1.txt"):
        s3.put_object(Bucket="bucket", Key=key, Body=b"content")
    action()
    return keys()

cloud = cloudpathlib.S3Client(endpoint_url=url)
found = {
    "s3path, rename to done/run1": left_by(lambda: S3Path("/bucket/run1").rename(S3Path("/bucket/done/run1"))),
    "s3path, rmdir": left_by(S3Path("/bucket/run1").rmdir),
    "s3path, rmdir of run1/": left_by(S3Path("/bucket/run1/").rmdir),
    "cloudpathlib, rmtree": left_by(cloudpathlib.S3Path("s3://bucket/run1", client=cloud).rmtree),
    "s3fs, rm": left_by(lambda: s3fs.S3FileSystem(endpoint_url=url).rm("bucket/run1", recursive=True)),
}
for name, there in found.items():
    print(f"{name}: {there}")
others = ["run1.txt", "run10/a"]
assert list(found.values()) == [["done/run1.txt", "done/run1/a", "done/run10/a"], [], [], others, others]
END
PYTHONPATH=site python3 check.py
