#!/bin/sh
# Believed: a registry that checks that the blobs of a manifest exist checks their sizes too.
# So: a manifest that gives a blob of 2 bytes as 999 bytes is accepted, while one with an unknown
# digest is rejected.
# Matters: sums of sizes, progress bars and quotas that trust manifests are wrong, and a client
# that checks sizes cannot pull what another could push.
# Versions: docker-registry 2.8.2+ds1-1 (Debian).
# Output:
#   unknown digest: 400
#   wrong size: 201
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get download -qq docker-registry=2.8.2+ds1-1
dpkg -x docker-registry_*.deb registry
cat > config.yml <<END
version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: $folder/data}}
http: {addr: 127.0.0.1:PORT}
END
cat > check.py <<'END'
import hashlib, http.client, json, pathlib, socket, subprocess, time
from urllib.parse import urlsplit

with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
config = pathlib.Path("config.yml")
config.write_text(config.read_text().replace("PORT", str(port)))
server = subprocess.Popen(["registry/usr/bin/docker-registry", "serve", "config.yml"],
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

def ask(method, path, body=None, read=True, **headers):
    """Return the status, the headers and the connection, whose body was read if that was asked."""
    parts = urlsplit(path)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, f"{parts.path}?{parts.query}" if parts.query else parts.path, body, names)
    response = connection.getresponse()
    return response.status, response.headers, response.read() if read else response

def put_blob(data):
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    location = ask("POST", "/v2/a/b/blobs/uploads/")[1]["Location"]
    separator = "&" if "?" in location else "?"
    assert ask("PUT", f"{location}{separator}digest={digest}", data)[0] == 201
    return digest

try:
    for _ in range(100):
        try:
            ask("GET", "/v2/")
            break
        except ConnectionRefusedError:
            time.sleep(0.1)
    TYPE = "application/vnd.oci.image.manifest.v1+json"

    def push(tag, digest, size):
        config = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest, "size": size}
        manifest = {"schemaVersion": 2, "mediaType": TYPE, "config": config, "layers": []}
        return ask("PUT", f"/v2/a/b/manifests/{tag}", json.dumps(manifest).encode(), Content_Type=TYPE)[0]

    digest = put_blob(b"{}")
    unknown, wrong = push("one", "sha256:" + "0" * 64, 2), push("two", digest, 999)
    print("unknown digest:", unknown)
    print("wrong size:", wrong)
    assert (unknown, wrong) == (400, 201)
finally:
    server.kill()
    server.wait()
END
python3 check.py
