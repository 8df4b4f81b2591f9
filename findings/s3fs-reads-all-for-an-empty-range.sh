#!/bin/sh
# Believed: a range of no bytes is empty, or an error, in every store that fsspec opens.
# So: for an object in S3, s3fs asks for bytes=5-4. RFC 9110 has servers ignore such a range, and the
# response is the whole object. cat_file, cat_ranges, a reference [url, 5, 0], and a range that zarr
# asks its store for return it. Local and in-memory file systems return nothing. minio returns the
# rest of the object for length=0, which it takes for no limit; obstore raises an error.
# Matters: what cuts an object into slices by computed offsets gets foreign bytes for an empty slice,
# in production only: tests on local files pass.
# Versions: s3fs 2026.9.0, fsspec 2026.9.0, zarr 3.1.6, minio 7.2.20, obstore 0.12.1, moto 5.2.5.
# Output, of bytes 5 to 5 of 0123456789:
#   request of s3fs: bytes=5-4
#   s3fs, cat_file: b'0123456789'
#   s3fs, cat_ranges: [b'0123456789']
#   s3fs, reference: b'0123456789'
#   s3fs, zarr: b'0123456789'
#   local, cat_file: b''
#   local, reference: b''
#   memory, cat_file: b''
#   minio: b'56789'
#   obstore: ValueError
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m pip install --quiet --disable-pip-version-check --no-compile --target site s3fs==2026.9.0 fsspec==2026.9.0 zarr==3.1.6 minio==7.2.20 obstore==0.12.1 moto[server]==5.2.5 boto3==1.43.117
cat > check.py <<'END'
import os, pathlib
os.environ.update(AWS_ACCESS_KEY_ID="any", AWS_SECRET_ACCESS_KEY="any", AWS_DEFAULT_REGION="us-east-1")
import logging
import fsspec, minio, obstore
from moto.server import ThreadedMotoServer
from obstore.store import S3Store
from zarr.abc.store import RangeByteRequest
from zarr.core.buffer import default_buffer_prototype
from zarr.core.sync import sync
from zarr.storage import FsspecStore

logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
host = "{}:{}".format(*server.get_host_and_port())
options = {"endpoint_url": f"http://{host}"}
s3 = fsspec.filesystem("s3", **options)
local, memory = fsspec.filesystem("file"), fsspec.filesystem("memory")
path = pathlib.Path("data").absolute()
s3.mkdir("bucket")
s3.pipe("bucket/data", b"0123456789")
local.pipe(str(path), b"0123456789")
memory.pipe("/data", b"0123456789")

def by_reference(url, **remote):
    return fsspec.filesystem("reference", fo={"x": [url, 5, 0]}, **remote).cat_file("x")

def by_zarr():
    store = FsspecStore.from_url("s3://bucket", storage_options=options)
    return sync(store.get("data", default_buffer_prototype(), RangeByteRequest(5, 5))).to_bytes()

def by_obstore():
    store = S3Store("bucket", endpoint=f"http://{host}", client_options={"allow_http": True})
    try:
        return bytes(obstore.get_range(store, "data", start=5, end=5))
    except ValueError as error:
        return type(error).__name__

requests = []
s3.s3.meta.events.register("before-sign.s3.GetObject",
                           lambda request, **_: requests.append(request.headers["Range"]))
found = {
    "s3fs, cat_file": s3.cat_file("bucket/data", start=5, end=5),
    "s3fs, cat_ranges": s3.cat_ranges(["bucket/data"], [5], [5]),
    "s3fs, reference": by_reference("s3://bucket/data", remote_protocol="s3", remote_options=options),
    "s3fs, zarr": by_zarr(),
    "local, cat_file": local.cat_file(str(path), start=5, end=5),
    "local, reference": by_reference(path.as_uri(), remote_protocol="file"),
    "memory, cat_file": memory.cat_file("/data", start=5, end=5),
    "minio": minio.Minio(host, "any", "any", secure=False).get_object("bucket", "data", offset=5, length=0).read(),
    "obstore": by_obstore(),
}
print("request of s3fs:", requests[0])
for name, value in found.items():
    print(f"{name}: {value}")
everything = b"0123456789"
assert requests[0] == "bytes=5-4"
assert list(found.values()) == [everything, [everything], everything, everything, b"", b"", b"", b"56789", "ValueError"]
END
PYTHONPATH=site python3 check.py
