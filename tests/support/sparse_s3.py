"""An S3 server for objects of any size, of which it keeps what is not zero.

It has what a sync asks for: uploads and copies in parts, ranges, and listings of what little there
is. https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html
"""

from __future__ import annotations

import hashlib
import itertools
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TypeAlias
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

__all__ = ["MAX_REQUEST_BYTES", "SparseS3", "sparse_s3"]

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
MAX_REQUEST_BYTES = 5 * 2**30
"""The most that S3 takes, or copies, in one request."""

_ZEROS = memoryview(bytes(16 * 2**20))

Piece: TypeAlias = bytes | int
"""Some bytes, or a number of zeros."""


@dataclass(frozen=True)
class _Object:
    pieces: list[Piece]
    etag: str
    first_part: int | None = None
    modified: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def size(self) -> int:
        return sum(map(_size, self.pieces))

    def part(self, start: int, stop: int) -> _Object:
        begin = 0
        pieces: list[Piece] = []
        for piece in self.pieces:
            low, high = max(start - begin, 0), min(stop - begin, _size(piece))
            if low < high:
                pieces.append(high - low if isinstance(piece, int) else piece[low:high])
            begin += _size(piece)
        return _object_of(pieces)

    def read(self) -> Iterator[bytes | memoryview]:
        for piece in self.pieces:
            if isinstance(piece, int):
                yield from _zeros(piece)
            else:
                yield piece


@dataclass
class SparseS3:
    """What a server holds.

    Args:
        url: where it listens.
        objects: by bucket and key, as in ``bucket/key``.
        uploads: the parts that have come, by upload.
    """

    url: str = ""
    objects: dict[str, _Object] = field(default_factory=dict)
    uploads: dict[str, dict[int, _Object]] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def begin(self) -> str:
        upload = f"upload-{next(self._numbers)}"
        self.uploads[upload] = {}
        return upload

    def complete(self, name: str, upload: str, numbers: list[int]) -> _Object:
        parts = [self.uploads[upload][number] for number in numbers]
        digest = hashlib.md5(b"".join(bytes.fromhex(part.etag) for part in parts))
        pieces = [piece for part in parts for piece in part.pieces]
        etag = f"{digest.hexdigest()}-{len(parts)}"
        self.objects[name] = _Object(pieces, etag, parts[0].size)
        del self.uploads[upload]
        return self.objects[name]


@contextmanager
def sparse_s3() -> Iterator[SparseS3]:
    """Run a server."""
    held = SparseS3()
    server = _Server(("127.0.0.1", 0), _handler_of(held))
    held.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield held
    server.shutdown()
    thread.join()
    server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


def _handler_of(held: SparseS3) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            if "list-type" in self._query:
                self._answer(_listing(held, self._name.rstrip("/"), self._query.get("prefix", "")))
            elif "tagging" in self._query:
                self._answer("<Tagging><TagSet/></Tagging>")
            else:
                self._send_object()

        do_HEAD = do_GET  # noqa: N815

        def do_PUT(self) -> None:
            source = self.headers.get("x-amz-copy-source")
            new = self._copied(unquote(source)) if source else _received(self._body())
            if new.size > MAX_REQUEST_BYTES:
                self._refuse(400, "EntityTooLarge")
                return
            if "uploadId" in self._query:
                number = int(self._query["partNumber"])
                held.uploads[self._query["uploadId"]][number] = new
            else:
                held.objects[self._name] = new
            result = f"<CopyResult><ETag>{new.etag}</ETag></CopyResult>" if source else ""
            self._answer(result, ETag=f'"{new.etag}"')

        def do_POST(self) -> None:
            body = self._body().decode()
            if "uploads" in self._query:
                self._answer(_created(held.begin()))
                return
            numbers = [int(number) for number in re.findall(r"<PartNumber>(\d+)<", body)]
            new = held.complete(self._name, self._query["uploadId"], numbers)
            self._answer(_completed(new.etag))

        @property
        def _name(self) -> str:
            return unquote(urlsplit(self.path).path.lstrip("/"))

        @property
        def _query(self) -> dict[str, str]:
            found = parse_qs(urlsplit(self.path).query, keep_blank_values=True)
            return {name: values[0] for name, values in found.items()}

        def _copied(self, source: str) -> _Object:
            found = held.objects[source.lstrip("/")]
            span = self.headers.get("x-amz-copy-source-range")
            return found.part(*_span(span, found.size)) if span else found

        def _send_object(self) -> None:
            found = held.objects.get(self._name)
            if found is None:
                self._refuse(404, "NoSuchKey")
                return
            span = self.headers.get("Range")
            if self._query.get("partNumber") == "1":
                span = f"bytes=0-{(found.first_part or found.size) - 1}"
            start, stop = _span(span, found.size) if span else (0, found.size)
            self.send_response_only(206 if span else 200)
            self.send_header("ETag", f'"{found.etag}"')
            self.send_header("Last-Modified", format_datetime(found.modified, usegmt=True))
            if span:
                self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{found.size}")
            self.send_header("Content-Length", str(stop - start))
            self.end_headers()
            if self.command != "HEAD":
                for content in found.part(start, stop).read():
                    self.wfile.write(content)

        def _body(self) -> bytes:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            encoded = "aws-chunked" in self.headers.get("Content-Encoding", "")
            return _decoded(body) if encoded else body

        def _refuse(self, status: int, code: str) -> None:
            self._answer(f"<Error><Code>{code}</Code></Error>", status)

        def _answer(self, body: str, status: int = 200, **headers: str) -> None:
            self.send_response_only(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing: the tests' output is theirs."""

    return Handler


def _received(body: bytes) -> _Object:
    return _object_of([len(body) if body == _ZEROS[: len(body)] else body])


def _object_of(pieces: list[Piece]) -> _Object:
    return _Object(pieces, _md5_of(tuple(pieces)))


@lru_cache
def _md5_of(pieces: tuple[Piece, ...]) -> str:
    digest = hashlib.md5()
    for content in _Object(list(pieces), "").read():
        digest.update(content)
    return digest.hexdigest()


def _size(piece: Piece) -> int:
    return piece if isinstance(piece, int) else len(piece)


def _zeros(size: int) -> Iterator[memoryview]:
    for place in range(0, size, len(_ZEROS)):
        yield _ZEROS[: size - place]


def _span(text: str, size: int) -> tuple[int, int]:
    first, _, last = text.removeprefix("bytes=").partition("-")
    return int(first), min(int(last or size) + 1, size)


def _decoded(body: bytes) -> bytes:
    """Return what aws-chunked content holds; trailers are left out."""
    # https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html
    chunks: list[memoryview] = []
    place = 0
    while True:
        end = body.index(b"\r\n", place)
        size = int(body[place:end].split(b";")[0], 16)
        if not size:
            return b"".join(chunks)
        chunks.append(memoryview(body)[end + 2 : end + 2 + size])
        place = end + 2 + size + 2


def _created(upload: str) -> str:
    result = "InitiateMultipartUploadResult"
    return f"<{result}><UploadId>{upload}</UploadId></{result}>"


def _completed(etag: str) -> str:
    result = "CompleteMultipartUploadResult"
    return f"<{result}><ETag>{etag}</ETag></{result}>"


def _listing(held: SparseS3, bucket: str, prefix: str) -> str:
    entries = "".join(
        f"<Contents><Key>{escape(name.partition('/')[2])}</Key><Size>{found.size}</Size>"
        f"<LastModified>{found.modified.isoformat()}</LastModified><ETag>{found.etag}</ETag></Contents>"
        for name, found in sorted(held.objects.items())
        if name.startswith(f"{bucket}/{prefix}")
    )
    return f"<ListBucketResult>{entries}<IsTruncated>false</IsTruncated></ListBucketResult>"
