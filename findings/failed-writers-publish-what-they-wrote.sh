#!/bin/sh
# Believed: an error inside "with open(...) as file" leaves no object in S3, as an object appears only
# when its upload is completed; or else it does so in all libraries.
# So: it depends on the library, and on the way into it: s3fs, pyarrow, cloudpathlib and the fsspec
# class of obstore complete the upload of what was written so far; the writer of obstore itself,
# smart_open and s3path drop it. The error is raised in all of them.
# Matters: half an object stays under the final name, and a retry that skips what is there, or a sync,
# takes it for whole.
# Versions: s3fs 2026.9.0, pyarrow 26.0.1, cloudpathlib 0.26.0, obstore 0.12.1, smart_open 9.0.2,
# s3path 0.6.5, moto 5.2.5.
# Output, after b"half" and an error:
#   s3fs: b'half'
#   pyarrow: b'half'
#   cloudpathlib: b'half'
#   obstore.fsspec: b'half'
#   obstore: no object
#   smart_open: no object
#   s3path: no object
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m pip install --quiet --disable-pip-version-check --no-compile --target site s3fs==2026.9.0 fsspec==2026.9.0 pyarrow==26.0.1 cloudpathlib==0.26.0 obstore==0.12.1 smart_open==9.0.2 s3path==0.6.5 moto[server]==5.2.5 boto3==1.43.117
cat > check.py <<'END'
import os
os.environ.update(AWS_ACCESS_KEY_ID="any", AWS_SECRET_ACCESS_KEY="any", AWS_DEFAULT_REGION="us-east-1")
import logging
import boto3, cloudpathlib, obstore, pyarrow.fs, s3fs, smart_open
from moto.server import ThreadedMotoServer
from obstore.fsspec import FsspecStore
from s3path import S3Path

logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
host = "{}:{}".format(*server.get_host_and_port())
os.environ["AWS_ENDPOINT_URL"] = url = f"http://{host}"
s3 = boto3.client("s3")
s3.create_bucket(Bucket="bucket")
by_obstore = {"endpoint": url, "client_options": {"allow_http": True}}
store = obstore.store.S3Store("bucket", **by_obstore)

writers = {
    "s3fs": lambda key: s3fs.S3FileSystem(endpoint_url=url).open(f"bucket/{key}", "wb"),
    "pyarrow": lambda key: pyarrow.fs.S3FileSystem(endpoint_override=host, scheme="http")
    .open_output_stream(f"bucket/{key}"),
    "cloudpathlib": lambda key: cloudpathlib.S3Path(
        f"s3://bucket/{key}", client=cloudpathlib.S3Client(endpoint_url=url)).open("wb"),
    "obstore.fsspec": lambda key: FsspecStore("s3", **by_obstore).open(f"bucket/{key}", "wb"),
    "obstore": lambda key: obstore.open_writer(store, key),
    "smart_open": lambda key: smart_open.open(f"s3://bucket/{key}", "wb", transport_params={"client": s3}),
    "s3path": lambda key: S3Path(f"/bucket/{key}").open("wb"),
}

def left_by(open_writer, key):
    """Return the object after an error in a writer, or None."""
    try:
        with open_writer(key) as file:
            file.write(b"half")
            raise InterruptedError
    except InterruptedError:
        pass
    try:
        return s3.get_object(Bucket="bucket", Key=key)["Body"].read()
    except s3.exceptions.NoSuchKey:
        return None

found = [left_by(open_writer, key) for key, open_writer in writers.items()]
for name, content in zip(writers, found):
    print(f"{name}: {content or 'no object'}")
assert found == [b"half"] * 4 + [None] * 3
END
PYTHONPATH=site python3 check.py
