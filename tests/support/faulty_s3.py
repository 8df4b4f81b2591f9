"""An S3 server in memory whose responses a test can replace or spoil.

It knows the operations that a sync sends. A fault stands between each request and the server, and
can answer in its place, change its response, or change what it holds.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html
"""

from __future__ import annotations

import hashlib
import itertools
import math
import os
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import format_datetime
from html import unescape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TypeAlias
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import escape

_NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
_XML = {"Content-Type": "application/xml"}


@dataclass(frozen=True)
class StoredObject:
    """An object.

    Args:
        content: its bytes.
        parts: the MD5 of each part that it was uploaded in; none for one request.
        modified: when it was written, in seconds since 1970 UTC.
        storage_class: the storage class.
        archived: whether it must be restored before it can be read.
    """

    content: bytes
    parts: tuple[bytes, ...] = ()
    modified: float = field(default_factory=time.time)
    storage_class: str = "STANDARD"
    archived: bool = False

    @property
    def etag(self) -> str:
        """The ETag, without quotation marks."""
        if self.parts:
            return f"{hashlib.md5(b''.join(self.parts)).hexdigest()}-{len(self.parts)}"
        return hashlib.md5(self.content).hexdigest()


@dataclass(frozen=True)
class Call:
    """A request.

    Args:
        operation: its name in the API of S3.
        number: how many requests of this operation there have been, with this one.
        bucket: the bucket.
        key: the key; empty for requests about a bucket.
        query: the parameters of the query string.
        headers: the headers, with names in lower case.
        body: the body, without the frames of chunks.
    """

    operation: str
    number: int
    bucket: str
    key: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """A response.

    Args:
        status: the HTTP status.
        body: the body.
        headers: the headers.
        sends: how many bytes of the body are sent before the connection breaks; `None` for all.
        pause: is called before each kilobyte.
        length: the content length that is told, if not that of the body.
    """

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    sends: int | None = None
    pause: Callable[[], None] | None = None
    length: int | None = None


Fault: TypeAlias = Callable[[Call, Callable[[], Reply]], Reply]
"""Takes a request and what makes the right response, and returns the response that is sent."""


def no_fault(call: Call, respond: Callable[[], Reply]) -> Reply:
    """Respond as S3 does."""
    return respond()


def killed_at(pid: int, number: int, *, after: bool) -> Fault:
    """Kill a process at one of its requests, by its number from 0, before or after it is done."""
    numbers = itertools.count()

    def fault(_: Call, respond: Callable[[], Reply]) -> Reply:
        if next(numbers) != number:
            return respond()
        reply = respond() if after else Reply(503)
        os.kill(pid, signal.SIGKILL)
        return reply

    return fault


@dataclass
class FaultyS3:
    """What a server holds and does.

    Args:
        fault: what goes wrong.
        url: where it listens.
        objects: the objects, by bucket and key.
        uploads: the parts of uploads that are not complete, by upload and number.
        calls: the requests that have come.
        page: how many keys a page of a listing has at most.
        rounds_up: whether times are told in the next whole second, as some services do.
    """

    fault: Fault = no_fault
    url: str = ""
    objects: dict[tuple[str, str], StoredObject] = field(default_factory=dict)
    uploads: dict[str, dict[int, bytes]] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    page: int = 1000
    rounds_up: bool = False
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _counts: Counter[str] = field(default_factory=Counter)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def reset(self) -> None:
        """Forget everything, faults included."""
        with self._lock:
            self.heal()
            self.rounds_up = False
            self.objects.clear()
            self.uploads.clear()
            self.calls.clear()
            self._counts.clear()

    def heal(self) -> None:
        """Respond as S3 does from now on, and finish slow responses."""
        self.fault = no_fault

    def told(self, found: StoredObject) -> int:
        """Return the time of an object as it is told, in whole seconds."""
        return math.ceil(found.modified) if self.rounds_up else int(found.modified)

    def put(self, bucket: str, key: str, content: bytes, modified: float | None = None) -> None:
        """Write an object."""
        with self._lock:
            self.objects[bucket, key] = StoredObject(content, modified=modified or time.time())

    def read(self, bucket: str, prefix: str = "") -> dict[str, bytes]:
        """Return the contents of the objects below a prefix, by what follows it."""
        with self._lock:
            return {
                key.removeprefix(prefix): found.content
                for (name, key), found in self.objects.items()
                if name == bucket and key.startswith(prefix)
            }

    def reply(self, call: Call) -> Reply:
        """Return the response that is sent: the right one, or what the fault makes of it."""
        return self.fault(call, lambda: self.respond(call))

    def note(self, call: Call) -> Call:
        """Number a request, and remember it."""
        with self._lock:
            self._counts[call.operation] += 1
            numbered = replace(call, number=self._counts[call.operation])
            self.calls.append(numbered)
        return numbered

    def respond(self, call: Call) -> Reply:
        """Respond as S3 does."""
        with self._lock:
            respond = getattr(self, f"_{_snake_case(call.operation)}", None)
            return respond(call) if respond else refusal(501, "NotImplemented")

    def _list_objects_v2(self, call: Call) -> Reply:
        prefix = call.query.get("prefix", "")
        after = call.query.get("continuation-token", "")
        limit = min(int(call.query.get("max-keys", 1000)), self.page)
        keys = sorted(
            (key for bucket, key in self.objects if bucket == call.bucket),
            key=lambda key: key.encode(),
        )
        keys = [key for key in keys if key.startswith(prefix) and key > after]
        shown, is_truncated = keys[:limit], len(keys) > limit
        found = ""
        for key in shown:
            stored = self.objects[call.bucket, key]
            found += _listed(key, stored, self.told(stored))
        token = (
            f"<NextContinuationToken>{escape(shown[-1])}</NextContinuationToken>"
            if is_truncated
            else ""
        )
        body = (
            f"<ListBucketResult {_NAMESPACE}><Name>{escape(call.bucket)}</Name>"
            f"<Prefix>{quote(prefix, safe='/')}</Prefix><KeyCount>{len(shown)}</KeyCount>"
            f"<MaxKeys>{limit}</MaxKeys><EncodingType>url</EncodingType>"
            f"<IsTruncated>{str(is_truncated).lower()}</IsTruncated>{found}{token}"
            "</ListBucketResult>"
        )
        return Reply(body=body.encode(), headers=_XML)

    def _head_bucket(self, call: Call) -> Reply:
        return Reply(headers={"x-amz-bucket-region": "us-east-1"})

    def _get_bucket_versioning(self, _: Call) -> Reply:
        return Reply(body=f"<VersioningConfiguration {_NAMESPACE}/>".encode(), headers=_XML)

    def _get_object(self, call: Call) -> Reply:
        found = self.objects.get((call.bucket, call.key))
        if found is None:
            return refusal(404, "NoSuchKey")
        if not _matches(call.headers.get("if-match"), found):
            return refusal(412, "PreconditionFailed")
        if found.archived:
            return refusal(403, "InvalidObjectState")
        modified = format_datetime(datetime.fromtimestamp(self.told(found), UTC), usegmt=True)
        headers = {
            "ETag": f'"{found.etag}"',
            "Last-Modified": modified,
            "Accept-Ranges": "bytes",
        }
        span = re.fullmatch(r"bytes=(\d+)-(\d*)", call.headers.get("range", ""))
        if span is None:
            return Reply(body=found.content, headers=headers)
        start, size = int(span[1]), len(found.content)
        stop = min(int(span[2] or size) + 1, size)
        if start >= size:
            return refusal(416, "InvalidRange")
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
        return Reply(206, found.content[start:stop], headers)

    def _head_object(self, call: Call) -> Reply:
        found = self.objects.get((call.bucket, call.key))
        if found is None or not found.archived:
            reply = self._get_object(call)
            if found and found.storage_class in ("GLACIER", "DEEP_ARCHIVE"):
                reply.headers["x-amz-restore"] = 'ongoing-request="false", expiry-date="a date"'
            return reply
        headers = {"ETag": f'"{found.etag}"', "x-amz-storage-class": found.storage_class}
        if found.storage_class == "INTELLIGENT_TIERING":
            headers["x-amz-archive-status"] = "ARCHIVE_ACCESS"
        return Reply(headers=headers, length=len(found.content))

    def _put_object(self, call: Call) -> Reply:
        found = self.objects.get((call.bucket, call.key))
        condition = call.headers.get("if-match")
        if found and call.headers.get("if-none-match") == "*":
            return refusal(412, "PreconditionFailed")
        if condition and (found is None or not _matches(condition, found)):
            return refusal(412 if found else 404, "PreconditionFailed" if found else "NoSuchKey")
        return self._store(call, StoredObject(call.body))

    def _copy_object(self, call: Call) -> Reply:
        source = self._source(call)
        if isinstance(source, Reply):
            return source
        stored = self._store(call, StoredObject(source.content))
        etag = stored.headers["ETag"]
        body = f"<CopyObjectResult {_NAMESPACE}><ETag>{escape(etag)}</ETag></CopyObjectResult>"
        return Reply(body=body.encode(), headers=_XML)

    def _create_multipart_upload(self, call: Call) -> Reply:
        upload = f"upload-{next(self._numbers)}"
        self.uploads[upload] = {}
        body = (
            f"<InitiateMultipartUploadResult {_NAMESPACE}><Bucket>{call.bucket}</Bucket>"
            f"<Key>{escape(call.key)}</Key><UploadId>{upload}</UploadId>"
            "</InitiateMultipartUploadResult>"
        )
        return Reply(body=body.encode(), headers=_XML)

    def _upload_part(self, call: Call) -> Reply:
        self.uploads[call.query["uploadId"]][int(call.query["partNumber"])] = call.body
        return Reply(headers={"ETag": f'"{hashlib.md5(call.body).hexdigest()}"'})

    def _upload_part_copy(self, call: Call) -> Reply:
        source = self._source(call)
        if isinstance(source, Reply):
            return source
        first, last = call.headers["x-amz-copy-source-range"].removeprefix("bytes=").split("-")
        part = source.content[int(first) : int(last) + 1]
        self.uploads[call.query["uploadId"]][int(call.query["partNumber"])] = part
        etag = hashlib.md5(part).hexdigest()
        body = f"<CopyPartResult {_NAMESPACE}><ETag>&quot;{etag}&quot;</ETag></CopyPartResult>"
        return Reply(body=body.encode(), headers=_XML)

    def _complete_multipart_upload(self, call: Call) -> Reply:
        parts = self.uploads.pop(call.query["uploadId"])
        in_order = [parts[number] for number in sorted(parts)]
        digests = tuple(hashlib.md5(part).digest() for part in in_order)
        stored = self._store(call, StoredObject(b"".join(in_order), digests))
        body = (
            f"<CompleteMultipartUploadResult {_NAMESPACE}><Key>{escape(call.key)}</Key>"
            f"<ETag>{escape(stored.headers['ETag'])}</ETag></CompleteMultipartUploadResult>"
        )
        return Reply(body=body.encode(), headers=_XML)

    def _abort_multipart_upload(self, call: Call) -> Reply:
        self.uploads.pop(call.query["uploadId"], None)
        return Reply(204)

    def _delete_object(self, call: Call) -> Reply:
        found = self.objects.get((call.bucket, call.key))
        if found and not _matches(call.headers.get("if-match"), found):
            return refusal(412, "PreconditionFailed")
        self.objects.pop((call.bucket, call.key), None)
        return Reply(204)

    def _delete_objects(self, call: Call) -> Reply:
        errors = ""
        for element in re.findall("<Object>(.*?)</Object>", call.body.decode(), re.DOTALL):
            fields = dict(re.findall(r"<(\w+)>([^<]*)</\1>", element))
            key = unescape(fields["Key"])
            found = self.objects.get((call.bucket, key))
            if found and not _matches(unescape(fields.get("ETag", "")) or None, found):
                errors += f"<Error><Key>{escape(key)}</Key><Code>PreconditionFailed</Code></Error>"
            else:
                self.objects.pop((call.bucket, key), None)
        body = f"<DeleteResult {_NAMESPACE}>{errors}</DeleteResult>"
        return Reply(body=body.encode(), headers=_XML)

    def _get_object_tagging(self, _: Call) -> Reply:
        return Reply(body=b"<Tagging><TagSet/></Tagging>", headers=_XML)

    def _put_object_tagging(self, _: Call) -> Reply:
        return Reply()

    def _store(self, call: Call, new: StoredObject) -> Reply:
        self.objects[call.bucket, call.key] = new
        return Reply(headers={"ETag": f'"{new.etag}"'})

    def _source(self, call: Call) -> StoredObject | Reply:
        bucket, _, key = unquote(call.headers["x-amz-copy-source"]).lstrip("/").partition("/")
        found = self.objects.get((bucket, key))
        if found is None:
            return refusal(404, "NoSuchKey")
        if not _matches(call.headers.get("x-amz-copy-source-if-match"), found):
            return refusal(412, "PreconditionFailed")
        return refusal(403, "InvalidObjectState") if found.archived else found


def refusal(status: int, code: str) -> Reply:
    """Return the response that S3 refuses a request with."""
    body = f"<Error><Code>{code}</Code><Message>It is a test</Message></Error>"
    return Reply(status, body.encode(), _XML)


@contextmanager
def faulty_s3() -> Iterator[FaultyS3]:
    """Run a server."""
    held = FaultyS3()
    server = _Server(("127.0.0.1", 0), _handler_of(held))
    held.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield held
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        """Say nothing: clients of broken connections go away."""


def _handler_of(held: FaultyS3) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _serve(self) -> None:
            self._send(held.reply(held.note(self._call())))

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _serve  # noqa: N815

        def _call(self) -> Call:
            parts = urlsplit(self.path)
            bucket, _, key = unquote(parts.path).removeprefix("/").partition("/")
            query = parse_qs(parts.query, keep_blank_values=True)
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers.get("content-length", 0)))
            if "aws-chunked" in headers.get("content-encoding", ""):
                body = _without_frames(body)
            parameters = {name: values[0] for name, values in query.items()}
            operation = _operation(self.command, key, parameters, headers)
            return Call(operation, 0, bucket, key, parameters, headers, body)

        def _send(self, reply: Reply) -> None:
            self.send_response_only(reply.status)
            # The C library of AWS takes a response without any header for none.
            self.send_header("x-amz-request-id", "TEST")
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if reply.status != 204:
                length = len(reply.body) if reply.length is None else reply.length
                self.send_header("Content-Length", str(length))
            self.end_headers()
            if self.command == "HEAD" or reply.status == 204:
                return
            body = reply.body if reply.sends is None else reply.body[: reply.sends]
            step = 1024 if reply.pause else max(len(body), 1)
            for start in range(0, len(body), step):
                if reply.pause and held.fault is not no_fault:
                    reply.pause()
                self.wfile.write(body[start : start + step])
            if reply.sends is not None:
                self.wfile.flush()
                self.close_connection = True
                self.connection.shutdown(2)

        def log_message(self, *_: object) -> None:
            """Say nothing: the tests' output is theirs."""

    return Handler


def _operation(method: str, key: str, query: Mapping[str, str], headers: Mapping[str, str]) -> str:
    if "versioning" in query:
        return "GetBucketVersioning"
    if not key:
        names = {"GET": "ListObjectsV2", "HEAD": "HeadBucket", "POST": "DeleteObjects"}
        return names.get(method, method)
    if "tagging" in query:
        return f"{method.capitalize()}ObjectTagging"
    is_copy = "x-amz-copy-source" in headers
    if "uploadId" in query:
        put = "UploadPartCopy" if is_copy else "UploadPart"
        names = {"POST": "CompleteMultipartUpload", "DELETE": "AbortMultipartUpload", "PUT": put}
        return names.get(method, method)
    if method == "PUT":
        return "CopyObject" if is_copy else "PutObject"
    return "CreateMultipartUpload" if method == "POST" else f"{method.capitalize()}Object"


def _snake_case(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def _listed(key: str, found: StoredObject, told: int) -> str:
    modified = datetime.fromtimestamp(told, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return (
        f"<Contents><Key>{quote(key, safe='/')}</Key><LastModified>{modified}</LastModified>"
        f"<ETag>&quot;{found.etag}&quot;</ETag><Size>{len(found.content)}</Size>"
        f"<StorageClass>{found.storage_class}</StorageClass></Contents>"
    )


def _matches(condition: str | None, found: StoredObject) -> bool:
    return condition is None or condition.strip('"') == found.etag


def _without_frames(body: bytes) -> bytes:
    content = b""
    while body:
        header, _, body = body.partition(b"\r\n")
        size = int(header.partition(b";")[0], 16)
        if not size:
            break
        content, body = content + body[:size], body[size + 2 :]
    return content
