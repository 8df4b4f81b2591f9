"""What a sync must do on every S3 server, and what the server is seen to do.

Each behaviour raises `AssertionError` if a sync loses or spoils anything, and returns a few words
for the table: what was seen.
"""

from __future__ import annotations

import secrets
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aibs_informatics_aws_lambda.common.exceptions import AWSError, ResourceNotFoundError
from aibs_informatics_aws_lambda.common.s3 import S3Path, download_to_json
from aibs_informatics_aws_lambda.handlers.data_sync.json_documents import PutJSONToFileHandler
from aibs_informatics_aws_lambda.handlers.data_sync.s3 import requests
from aibs_informatics_aws_lambda.handlers.data_sync.s3.client import S3
from aibs_informatics_aws_lambda.handlers.data_sync.s3.deletion import honours_conditions
from aibs_informatics_aws_lambda.handlers.data_sync.s3.service import Feature
from aibs_informatics_aws_lambda.handlers.data_sync.sync.engine import Engine
from aibs_informatics_aws_lambda.storage.data_sync import DataSyncRequest
from aibs_informatics_aws_lambda.storage.data_sync.json_documents import PutJSONToFileRequest
from botocore.exceptions import ClientError

MIB = 2**20
YES = "yes"
_COPIED_AGAIN = "no: part sizes are not reported, and a second sync copies it again"
ODD_KEYS = ("a b", "plus+", "100%", "é", "quote'", "a&b", "#", "comma,", "~", "(x)")


@dataclass
class World:
    """A bucket of a server, and an empty folder.

    Args:
        client: a boto3 client of the server.
        bucket: the bucket.
        prefix: a prefix below which there is nothing yet.
        folder: the folder.
    """

    client: Any
    bucket: str
    prefix: str
    folder: Path

    def uri(self, name: str) -> str:
        return f"s3://{self.bucket}/{self.prefix}{name}"

    def put(self, name: str, content: bytes) -> None:
        self.client.put_object(Bucket=self.bucket, Key=self.prefix + name, Body=content)

    def put_parts(self, name: str, *sizes: int) -> bytes:
        """Upload an object in parts of some sizes, and return its content."""
        place = {"Bucket": self.bucket, "Key": self.prefix + name}
        upload = self.client.create_multipart_upload(**place)["UploadId"]
        parts = [secrets.token_bytes(size) for size in sizes]
        etags = [
            self.client.upload_part(UploadId=upload, PartNumber=number, Body=part, **place)["ETag"]
            for number, part in enumerate(parts, 1)
        ]
        told = [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(etags, 1)]
        self.client.complete_multipart_upload(
            UploadId=upload, MultipartUpload={"Parts": told}, **place
        )
        return b"".join(parts)

    def read(self, name: str, *, names_only: bool = False) -> dict[str, bytes]:
        """Return the contents of the objects below a name, or empty ones."""
        found, prefix = {}, f"{self.prefix}{name}"
        for page in self.client.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=prefix
        ):
            for listed in page.get("Contents", []):
                if names_only:
                    found[listed["Key"].removeprefix(prefix)] = b""
                    continue
                body = self.client.get_object(Bucket=self.bucket, Key=listed["Key"])["Body"]
                found[listed["Key"].removeprefix(prefix)] = body.read()
        return found

    def write(self, contents: dict[str, bytes]) -> Path:
        """Write files to a new folder."""
        root = self.folder / secrets.token_hex(4)
        for name, content in contents.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(content)
        return root

    def files(self, root: Path) -> dict[str, bytes]:
        return {
            path.relative_to(root).as_posix(): path.read_bytes()
            for path in root.rglob("*")
            if path.is_file()
        }


def sync(source: object, destination: object, **options: Any) -> Any:
    """Run a sync with the endpoint and credentials of the environment."""
    options = {"delete": False, "max_concurrency": 8, **options}
    request = DataSyncRequest(
        source_path=str(source), destination_path=str(destination), **options
    )
    return Engine().sync(request).result


def again(source: object, destination: object) -> None:
    """Check that a second sync transfers nothing."""
    assert repeats(source, destination) == 0, "a second sync transfers files"


def repeats(source: object, destination: object) -> int:
    """Return how many files a second sync transfers."""
    count: int = sync(source, destination).files_transferred
    return count


def small_files(world: World) -> str:
    contents = {f"{number % 3}/{number}": str(number).encode() for number in range(30)}
    root = world.write(contents)
    sync(root, world.uri("up/"))
    assert world.read("up/") == contents
    again(root, world.uri("up/"))
    sync(world.uri("up/"), world.folder / "down")
    assert world.files(world.folder / "down") == contents
    again(world.uri("up/"), world.folder / "down")
    return YES


def large_files(world: World) -> str:
    contents = {"large": secrets.token_bytes(20 * MIB)}
    root = world.write(contents)
    sync(root, world.uri("up/"))
    assert world.read("up/") == contents
    again(root, world.uri("up/"))
    sync(world.uri("up/"), world.folder / "down")
    assert world.files(world.folder / "down") == contents
    again(world.uri("up/"), world.folder / "down")
    return YES


def trailing_checksums(world: World) -> str:
    engine, root = Engine(), world.write({"large": secrets.token_bytes(9 * MIB)})
    request = DataSyncRequest(
        source_path=str(root), destination_path=world.uri("up/"), max_concurrency=8
    )
    engine.sync(request)
    assert world.read("up/") == world.files(root)
    service = engine._s3(8).service
    return YES if service.supports(Feature.TRAILERS) else "no: a checksum in a header instead"


def header_checksums(world: World) -> str:
    spoiled = {"x-amz-checksum-crc64nvme": "AAAAAAAAAAA="}
    request = requests.put_text(world.bucket, f"{world.prefix}spoiled", "content")
    try:
        S3(1).ask(request._replace(headers=spoiled))
    except AWSError:
        return YES
    return "no: ETags are compared"


def reports(world: World) -> str:
    root, report = world.write({"a": b"content"}), world.folder / "report.jsonl"
    sync(root, world.uri("up/"), report_path=str(report))
    text = report.read_text()
    if '"verified": true' not in text:
        return "not verified"
    return "by checksum" if "crc64nvme:" in text else "by ETag"


def copies(world: World) -> str:
    world.put("src/a", b"content")
    sync(world.uri("src/"), world.uri("dst/"))
    assert world.read("dst/") == {"a": b"content"}
    again(world.uri("src/"), world.uri("dst/"))
    return YES


def copies_in_parts(world: World) -> str:
    content = world.put_parts("src/a", 5 * MIB, 5 * MIB, 3)
    sync(world.uri("src/"), world.uri("dst/"))
    assert world.read("dst/") == {"a": content}
    is_repeated = repeats(world.uri("src/"), world.uri("dst/"))
    sync(world.uri("dst/"), world.folder / "down")
    assert world.files(world.folder / "down") == {"a": content}
    return _COPIED_AGAIN if is_repeated else YES


def irregular_copies(world: World) -> str:
    content = world.put_parts("src/a", 5 * MIB, 7 * MIB, 3)
    sync(world.uri("src/"), world.uri("dst/"))
    assert world.read("dst/") == {"a": content}
    return _COPIED_AGAIN if repeats(world.uri("src/"), world.uri("dst/")) else YES


def irregular_downloads(world: World) -> str:
    content = world.put_parts("src/a", 5 * MIB, 7 * MIB, 3)
    sync(world.uri("src/"), world.folder / "down")
    assert world.files(world.folder / "down") == {"a": content}
    if sync(world.uri("src/"), world.folder / "down").files_transferred:
        return "no: part sizes are not reported"
    return YES


def foreign_part_sizes(world: World) -> str:
    content = world.put_parts("src/a", 6 * MIB, 6 * MIB, 3)
    sync(world.uri("src/"), world.folder / "down")
    assert world.files(world.folder / "down") == {"a": content}
    again(world.uri("src/"), world.folder / "down")
    return YES


def moves_to_s3(world: World) -> str:
    contents = {"a": b"content", "b/c": b"more", "large": secrets.token_bytes(9 * MIB)}
    root = world.write(contents)
    sync(root, world.uri("up/"), retain_source_data=False)
    assert world.read("up/") == contents
    assert not root.exists()
    return YES


def moves_within_s3(world: World) -> str:
    contents = {"a": b"content", "b/c": b"more"}
    for name, content in contents.items():
        world.put(f"src/{name}", content)
    contents["parts"] = world.put_parts("src/parts", 5 * MIB, 3)
    sync(world.uri("src/"), world.uri("dst/"), retain_source_data=False)
    assert world.read("dst/") == contents
    assert world.read("src/") == {}
    return YES


def deletion_conditions(world: World) -> str:
    honours = honours_conditions(S3(1), world.bucket, world.prefix)
    return YES if honours else "no: each object is checked, then deleted"


def replaced_sources(world: World) -> str:
    """Replace an object once it was copied, before it is removed."""
    for name in ("a", "b"):
        world.put(f"src/{name}", b"old")
    send = S3.send

    def replacing(self: S3, request: requests.Request, *arguments: Any, **named: Any) -> Any:
        is_deletion = request.operation in ("DeleteObject", "DeleteObjects", "HeadObject")
        if is_deletion and request.key in ("", f"{world.prefix}src/b"):
            S3.send = send  # type: ignore[method-assign]
            world.put("src/b", b"new")
        return send(self, request, *arguments, **named)

    S3.send = replacing  # type: ignore[method-assign]
    try:
        sync(world.uri("src/"), world.uri("dst/"), retain_source_data=False)
    except AWSError:
        assert world.read("src/")["b"] == b"new"
        return YES
    finally:
        S3.send = send  # type: ignore[method-assign]
    raise AssertionError("the move does not tell that an object has changed")


def mirrors(world: World) -> str:
    root = world.write({"a": b"content"})
    world.put("up/extraneous", b"x")
    world.put("up/deep/extraneous", b"x")
    sync(root, world.uri("up/"), delete=True)
    assert world.read("up/") == {"a": b"content"}
    return YES


def odd_keys(world: World) -> str:
    contents = {f"odd/{name}": name.encode() for name in ODD_KEYS}
    root = world.write(contents)
    sync(root, world.uri("up/"))
    try:
        sync(world.uri("up/"), world.folder / "down")
    except ResourceNotFoundError:
        assert "odd/a&amp;b" in world.read("up/", names_only=True)
        return "no: `a&b` is listed as `a&amp;b`, and the sync ends in an error"
    except AWSError:
        listed = list(world.read("up/", names_only=True))
        assert set(listed) == set(contents)
        assert listed != sorted(listed, key=str.encode)
        return "no: keys are listed in another order, and the sync ends in an error"
    assert world.files(world.folder / "down") == contents
    again(root, world.uri("up/"))
    try:
        sync(world.uri("up/"), world.uri("dst/"), retain_source_data=False)
    except ResourceNotFoundError:
        assert world.read("up/") == contents
        return "no: copies of `#` and others end in an error"
    sync(world.uri("dst/"), world.folder / "moved")
    assert world.files(world.folder / "moved") == contents
    return YES


def long_listings(world: World) -> str:
    contents = {f"{number // 100:02}/{number:04}": b"x" for number in range(2300)}
    root = world.write(contents)
    sync(root, world.uri("up/"))
    again(root, world.uri("up/"))
    sync(world.folder / "empty", world.uri("up/"), delete=True, fail_if_missing=False)
    sync(world.uri("up/"), world.folder / "down")
    assert world.files(world.folder / "down") == contents
    return YES


def empty_files(world: World) -> str:
    root = world.write({"empty": b"", "a": b"x"})
    try:
        sync(root, world.uri("up/"))
    except AWSError:
        try:
            world.put("by boto3", b"")
        except ClientError:
            return "no: empty objects are refused, and the sync ends in an error"
        raise
    sync(world.uri("up/"), world.folder / "down")
    assert world.files(world.folder / "down") == {"empty": b"", "a": b"x"}
    again(world.uri("up/"), world.folder / "down")
    return YES


def verification(world: World) -> str:
    root = world.write({"a": b"content", "b": b"other"})
    sync(root, world.uri("up/"))
    (root / "b").write_bytes(b"OTHER")
    found = sync(root, world.uri("up/"), verify=True).verification
    assert (found.files_equal, found.files_different) == (1, 1)
    return YES


def commands(world: World) -> str:
    """Run the command, which looks at the endpoint before the first request."""
    root, script = world.write({"a": b"a"}), str(Path(sys.executable).with_name("data-sync"))
    for arguments in (["--quiet", str(root), world.uri("up/")], ["ls", world.uri("up/")]):
        command = [script, *arguments]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        assert not result.returncode, result.stderr
    assert world.read("up/") == {"a": b"a"}
    return YES


def stored_documents(world: World) -> str:
    path = S3Path(world.uri("document.json"))
    PutJSONToFileHandler().handle(PutJSONToFileRequest(content={"a": 1}, path=path))
    assert download_to_json(path) == {"a": 1}
    try:
        tags = world.client.get_object_tagging(Bucket=path.bucket, Key=path.key)["TagSet"]
    except ClientError:
        tags = []
    return "with its tag" if tags else "without its tag"


BEHAVIOURS: dict[str, Callable[[World], str]] = {
    "the command syncs and lists": commands,
    "small files go up and down, and a second sync transfers nothing": small_files,
    "so do multipart uploads": large_files,
    "so do empty files": empty_files,
    "trailing checksums are accepted": trailing_checksums,
    "checksums in headers are verified": header_checksums,
    "a report says that an upload is verified": reports,
    "`--verify` finds what differs": verification,
    "objects are copied, and a second sync transfers nothing": copies,
    "so are multipart objects": copies_in_parts,
    "so are objects with irregular parts": irregular_copies,
    "a second download of an object with irregular parts transfers nothing": irregular_downloads,
    "nor does one with another part size": foreign_part_sizes,
    "files are moved to S3": moves_to_s3,
    "objects are moved": moves_within_s3,
    "objects are deleted on a condition": deletion_conditions,
    "a move leaves what was replaced meanwhile": replaced_sources,
    "a mirror deletes extraneous files": mirrors,
    "keys with special characters are kept": odd_keys,
    "listings of several pages are complete": long_listings,
    "JSON documents are written": stored_documents,
}
