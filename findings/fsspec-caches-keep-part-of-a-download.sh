#!/bin/sh
# Believed: a cache of fsspec has a file once it has arrived; after a download that failed, the next
# try downloads it again.
# So: simplecache and filecache download to the name that they look up later. After a connection that
# was lost on the way, the first open raises an error, and the second one returns the part that had
# arrived, without an error. filecache does so in the same process, simplecache also in each later one
# that has the same cache_storage.
# Matters: code that tries again after an error computes with cut off data; a process that is killed
# leaves the same to all jobs that share a simplecache.
# Versions: fsspec 2026.9.0, aiohttp 3.14.5.
# Output, of a file with 1000000 bytes, whose first download is cut off:
#   simplecache: ClientPayloadError, then 300000 bytes, and in another process 300000 bytes
#   filecache: ClientPayloadError, then 300000 bytes, and in another process 1000000 bytes
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m pip install --quiet --disable-pip-version-check --no-compile --target site fsspec==2026.9.0 aiohttp==3.14.5
cat > check.py <<'END'
import subprocess, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import fsspec

SIZE, ARRIVED = 1_000_000, 300_000
lost = threading.Event()

class Server(BaseHTTPRequestHandler):
    """Cuts off downloads while connections are lost."""

    def do_HEAD(self):
        self.send_response(200)
        self.send_header("Content-Length", str(SIZE))
        self.end_headers()

    def do_GET(self):
        self.do_HEAD()
        self.wfile.write(bytes(ARRIVED if lost.is_set() else SIZE))

    def log_message(self, *_):
        pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()

READ = """
import sys, fsspec
url, cache = sys.argv[1:]
with fsspec.open(f"{cache}::{url}", **{cache: {"cache_storage": cache}}) as file:
    print(len(file.read()), "bytes")
"""

def read(url, cache):
    """Return how many bytes are read, or the name of the error."""
    try:
        with fsspec.open(f"{cache}::{url}", **{cache: {"cache_storage": cache}}) as file:
            return f"{len(file.read())} bytes"
    except Exception as error:
        return type(error).__name__

found = {}
for cache in ("simplecache", "filecache"):
    url = f"http://127.0.0.1:{server.server_port}/{cache}"
    lost.set()
    first = read(url, cache)
    lost.clear()
    again = read(url, cache)
    command = [sys.executable, "-c", READ, url, cache]
    found[cache] = first, again, subprocess.check_output(command, text=True).strip()
    print("{}: {}, then {}, and in another process {}".format(cache, *found[cache]))
cut, whole = f"{ARRIVED} bytes", f"{SIZE} bytes"
assert found == {"simplecache": ("ClientPayloadError", cut, cut), "filecache": ("ClientPayloadError", cut, whole)}
END
PYTHONPATH=site python3 check.py
