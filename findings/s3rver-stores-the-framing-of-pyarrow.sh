#!/bin/sh
# Believed: a server that does not know uploads in aws-chunked encoding with a checksum as trailer
# rejects them.
# So: pyarrow.fs.S3FileSystem sends its uploads so, over plain HTTP too, and s3rver responds 200 and
# stores the framing as content: lengths of chunks in hexadecimal, and the checksum. obstore, which
# sends the bytes as they are, reads back what it wrote.
# Matters: every file that pyarrow writes to such a server is damaged without an error; Parquet files
# are found unreadable only later.
# Versions: s3rver 3.7.1 (npm), pyarrow 26.0.1, obstore 0.12.1.
# Output:
#   pyarrow: wrote 100 bytes, read 150, which begin with b'64\r\nxxxx'
#   obstore: wrote 100 bytes, read 100, which begin with b'xxxxxxxx'
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit s3rver@3.7.1
python3 -m pip install --quiet --disable-pip-version-check --no-compile --target site pyarrow==26.0.1 obstore==0.12.1
cat > check.py <<'END'
import os, socket, subprocess, time
import obstore
import pyarrow.fs
from obstore.store import S3Store

with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
os.mkdir("data")
server = subprocess.Popen(["node_modules/.bin/s3rver", "-p", str(port), "-a", "127.0.0.1", "-d", "data",
                           "--silent", "--no-vhost-buckets", "--configure-bucket", "bucket"],
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
DATA = b"x" * 100
try:
    for _ in range(200):
        try:
            with socket.create_connection(("127.0.0.1", port)):
                break
        except ConnectionRefusedError:
            time.sleep(0.1)
    arrow = pyarrow.fs.S3FileSystem(endpoint_override=f"127.0.0.1:{port}", scheme="http", region="us-east-1",
                                    access_key="S3RVER", secret_key="S3RVER")
    with arrow.open_output_stream("bucket/arrow") as file:
        file.write(DATA)
    store = S3Store("bucket", endpoint=f"http://127.0.0.1:{port}", region="us-east-1",
                    client_options={"allow_http": True}, virtual_hosted_style_request=False,
                    access_key_id="S3RVER", secret_access_key="S3RVER")
    store.put("obstore", DATA)
    bodies = {"pyarrow": bytes(store.get("arrow").bytes()), "obstore": bytes(store.get("obstore").bytes())}
finally:
    server.kill()
    server.wait()
for name, body in bodies.items():
    print(f"{name}: wrote {len(DATA)} bytes, read {len(body)}, which begin with {body[:8]}")
assert bodies["pyarrow"] != DATA and DATA in bodies["pyarrow"] and bodies["obstore"] == DATA
END
PYTHONPATH=site timeout 120 python3 check.py
