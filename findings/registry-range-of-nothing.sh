#!/bin/sh
# Believed: the Range header of a registry's response tells how many bytes of an upload have
# arrived.
# So: an upload without any byte has the range 0-0, like one with one byte.
# Matters: a client that resumes from that header skips the first byte, or repeats it: only its
# own count tells which.
# Versions: docker-registry 2.8.2+ds1-1 (Debian).
# Output:
#   no bytes: 0-0
#   one byte: 0-0
#   three bytes: 0-2
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
    found = [headers["Range"]]
    for chunk in (b"x", b"yz"):
        status, headers, _ = ask("PATCH", headers["Location"], chunk, Content_Type="application/octet-stream")
        found.append(headers["Range"])
    print("no bytes:", found[0])
    print("one byte:", found[1])
    print("three bytes:", found[2])
    assert found == ["0-0", "0-0", "0-2"]
finally:
    server.kill()
    server.wait()
END
python3 check.py
