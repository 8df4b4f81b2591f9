#!/bin/sh
# Believed: a registry responds 416 to a chunk whose Content-Range does not follow what it has, as
# the OCI distribution specification requires.
# So: it appends the chunk, whatever the header says, and responds 202.
# Matters: a lost chunk is noticed only by the digest at the end, after all further chunks were
# sent.
# Versions: docker-registry 2.8.2+ds1-1 (Debian).
# Output:
#   chunk 100-101 after 1 byte: 202, range 0-2
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
    _, headers, _ = ask("POST", "/v2/a/b/blobs/uploads/")
    _, headers, _ = ask("PATCH", headers["Location"], b"x", Content_Type="application/octet-stream")
    status, headers, _ = ask("PATCH", headers["Location"], b"yz", Content_Type="application/octet-stream",
                             Content_Range="100-101")
    print(f"chunk 100-101 after 1 byte: {status}, range {headers['Range']}")
    assert (status, headers["Range"]) == (202, "0-2")
finally:
    server.kill()
    server.wait()
END
python3 check.py
