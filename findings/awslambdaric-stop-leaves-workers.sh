#!/bin/sh
# Believed: SIGTERM to the runtime process ends the workers that it has forked.
# So: only the parent ends; its workers live on as orphans, stay connected and handle further
# events.
# Matters: what supervises a container or a test by the id of the process that it has started
# leaves workers that take events from whatever is started next.
# Versions: awslambdaric 4.2.2, Linux.
# Output:
#   status of the runtime: -15
#   a worker that was there before handles the next event: True
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat > function.py <<'END'
import os

def handler(event, context):
    if event == "end":
        os._exit(1)
    return os.getpid()
END
python3 -m pip install --quiet --disable-pip-version-check --no-compile --target site awslambdaric==4.2.2
cat > check.py <<'END'
import os, queue, subprocess, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

events, outcomes = queue.Queue(), queue.Queue()

class Api(BaseHTTPRequestHandler):
    """As much of the Lambda Runtime API as a function needs."""
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = events.get()
        self.send_response(200)
        self.send_header("Lambda-Runtime-Aws-Request-Id", "request")
        self.send_header("Lambda-Runtime-Deadline-Ms", str(int(time.time() * 1000) + 60_000))
        self.send_header("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-west-2:123456789012:function:f")
        self.send_header("Lambda-Runtime-Trace-Id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers["Content-Length"]))
        outcomes.put(body)
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
runtime = subprocess.Popen(
    [sys.executable, "-m", "awslambdaric", "function.handler"],
    env={**os.environ, "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{server.server_port}",
         "AWS_LAMBDA_MAX_CONCURRENCY": "2", "PYTHONPATH": "site:."},
    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)

def invoke(event):
    events.put(event)
    return outcomes.get(timeout=60).decode()

import signal

before = set()
while len(before) < 2:
    before.add(invoke(b"1"))
runtime.terminate()
status = runtime.wait(30)
after = invoke(b"1")
os.killpg(runtime.pid, signal.SIGKILL)
print("status of the runtime:", status)
print("a worker that was there before handles the next event:", after in before)
assert status == -signal.SIGTERM and after in before
END
PYTHONPATH=site python3 check.py
