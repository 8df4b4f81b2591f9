#!/bin/sh
# Believed: garbage-collect --delete-untagged of the registry keeps what a tag refers to, directly or
# through an index.
# So: it deletes the images of a tagged index, which have no tag of their own, with their layers. The
# index and its tag stay, and its digest is the same.
# Matters: each clean-up breaks all images for several platforms, and a mirror that compares digests
# of tags takes them for complete: only one that looks for the images as well copies them again.
# Versions: docker-registry 2.8.2+ds1-1 (Debian).
# Output:
#   tag of the index: 200 before, 200 after, same digest: True
#   image amd64: manifest 200, layer 200 before; manifest 404, layer 404 after
#   image arm64: manifest 200, layer 200 before; manifest 404, layer 404 after
#   tagged image: manifest 200, layer 200 before; manifest 200, layer 200 after
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get download -qq docker-registry=2.8.2+ds1-1
dpkg -x docker-registry_*.deb registry
cat > config.yml <<END
version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: $folder/data}, delete: {enabled: true}}
http: {addr: 127.0.0.1:PORT}
END
cat > check.py <<'END'
import hashlib, http.client, json, pathlib, socket, subprocess, time
from contextlib import contextmanager
from urllib.parse import urlsplit

OCI = "application/vnd.oci.image."
PROGRAM = "registry/usr/bin/docker-registry"
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
config = pathlib.Path("config.yml")
config.write_text(config.read_text().replace("PORT", str(port)))

@contextmanager
def running():
    server = subprocess.Popen([PROGRAM, "serve", "config.yml"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            try:
                ask("GET", "/v2/")
                break
            except ConnectionRefusedError:
                time.sleep(0.1)
        yield
    finally:
        server.kill()
        server.wait()

def ask(method, path, body=None, kind="application/octet-stream"):
    """Return the status and the headers of a response."""
    parts = urlsplit(path)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    headers = {"Content-Type": kind, "Accept": f"{OCI}index.v1+json, {OCI}manifest.v1+json"}
    connection.request(method, f"{parts.path}?{parts.query}" if parts.query else parts.path, body, headers)
    response = connection.getresponse()
    response.read()
    return response.status, response.headers

def put_blob(content, kind):
    digest = "sha256:" + hashlib.sha256(content).hexdigest()
    location = ask("POST", "/v2/a/blobs/uploads/")[1]["Location"]
    assert ask("PUT", f"{location}{'&' if '?' in location else '?'}digest={digest}", content)[0] == 201
    return {"mediaType": OCI + kind, "digest": digest, "size": len(content)}

def put_manifest(kind, tag=None, **document):
    content = json.dumps({"schemaVersion": 2, "mediaType": OCI + kind, **document}).encode()
    digest = "sha256:" + hashlib.sha256(content).hexdigest()
    assert ask("PUT", f"/v2/a/manifests/{tag or digest}", content, OCI + kind)[0] == 201
    return {"mediaType": OCI + kind, "digest": digest, "size": len(content)}

def put_image(architecture, tag=None):
    """Store an image, and return its descriptor and the digest of its layer."""
    platform = {"architecture": architecture, "os": "linux"}
    layer = put_blob(f"layer of {architecture}, {tag}".encode(), "layer.v1.tar")
    image = put_manifest("manifest.v1+json", tag, layers=[layer],
                         config=put_blob(json.dumps(platform).encode(), "config.v1+json"))
    return {**image, "platform": platform}, layer["digest"]

def look():
    status, headers = ask("HEAD", "/v2/a/manifests/index")
    return status, headers["Docker-Content-Digest"], {
        name: (ask("HEAD", f"/v2/a/manifests/{image['digest']}")[0], ask("HEAD", f"/v2/a/blobs/{layer}")[0])
        for name, (image, layer) in images.items()}

with running():
    images = {f"image {name}": put_image(name) for name in ("amd64", "arm64")}
    put_manifest("index.v1+json", "index", manifests=[image for image, _ in images.values()])
    images["tagged image"] = put_image("amd64", "image")
    before = look()
subprocess.run([PROGRAM, "garbage-collect", "--delete-untagged", "config.yml"], check=True, capture_output=True)
with running():
    after = look()
print(f"tag of the index: {before[0]} before, {after[0]} after, same digest: {before[1] == after[1]}")
for name in images:
    print("{}: manifest {}, layer {} before; manifest {}, layer {} after".format(
        name, *before[2][name], *after[2][name]))
assert before[:2] == after[:2] and before[0] == 200 and set(before[2].values()) == {(200, 200)}
assert list(after[2].values()) == [(404, 404), (404, 404), (200, 200)]
END
python3 check.py
