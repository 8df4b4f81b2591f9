"""What a service does where services compatible with S3 differ, found by trying it."""

import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

_PART_BYTES = 5 * 2**20
_OTHER_ETAG = '"00000000000000000000000000000000"'
_OTHER_MD5 = "AAAAAAAAAAAAAAAAAAAAAA=="


@dataclass
class Probe:
    """Objects below a prefix, which are deleted at the end.

    Args:
        client: the boto3 client of S3, without retries.
        bucket: the bucket.
        prefix: the prefix, which nothing else uses.
    """

    client: Any
    bucket: str
    prefix: str
    _keys: set[str] = field(default_factory=set, init=False)

    def put(self, name: str, body: bytes = b"x", **options: Any) -> Any:
        """Write an object and return the response."""
        self._keys.add(name)
        return self.client.put_object(**self._at(name), Body=body, **options)

    def get(self, name: str, **options: Any) -> bytes:
        """Read an object."""
        content: bytes = self.client.get_object(**self._at(name), **options)["Body"].read()
        return content

    def head(self, name: str) -> Any:
        """Return the metadata of an object."""
        return self.client.head_object(**self._at(name))

    def copy(self, source: str, name: str, **options: Any) -> Any:
        """Copy an object."""
        self._keys.add(name)
        where = {"Bucket": self.bucket, "Key": self.prefix + source}
        return self.client.copy_object(**self._at(name), CopySource=where, **options)

    def upload_parts(self, name: str, etag: str | None = None) -> Any:
        """Write an object in two parts, and complete it, with another ETag if one is given."""
        self._keys.add(name)
        where = self._at(name)
        upload = {**where, "UploadId": self.client.create_multipart_upload(**where)["UploadId"]}
        parts = []
        try:
            for number, body in enumerate((b"x" * _PART_BYTES, b"y"), 1):
                sent = self.client.upload_part(**upload, PartNumber=number, Body=body)
                parts.append({"PartNumber": number, "ETag": etag or sent["ETag"]})
            return self.client.complete_multipart_upload(
                **upload, MultipartUpload={"Parts": parts}
            )
        except ClientError:
            self.client.abort_multipart_upload(**upload)
            raise

    def names(self, folder: str, **options: Any) -> list[str]:
        """Return the names of the objects in a folder, as they are listed."""
        listing = self.client.list_objects_v2(
            Bucket=self.bucket, Prefix=self.prefix + folder, **options
        )
        return [found["Key"].removeprefix(self.prefix) for found in listing.get("Contents", [])]

    def delete(self, *names: str, **options: Any) -> Any:
        """Delete an object, or several in one request."""
        if len(names) == 1:
            return self.client.delete_object(**self._at(names[0]), **options)
        objects = [{"Key": self.prefix + name} for name in names]
        return self.client.delete_objects(Bucket=self.bucket, Delete={"Objects": objects})

    def tags(self, name: str) -> dict[str, str]:
        """Return the tags of an object."""
        found = self.client.get_object_tagging(**self._at(name))["TagSet"]
        return {tag["Key"]: tag["Value"] for tag in found}

    def listed(self, name: str) -> Any:
        """Return an object as it is listed."""
        listing = self.client.list_objects_v2(Bucket=self.bucket, Prefix=self.prefix + name)
        return listing["Contents"][0]

    def clean_up(self) -> list[str]:
        """Delete all objects, and return the keys of those that remain."""
        for name in sorted(self._keys, reverse=True):
            # Some were refused, and may not even be named in a request. Those below others
            # come first.
            with suppress(ClientError):
                self.delete(name)
        return [self.prefix + name for name in self.names("")]

    def _at(self, name: str) -> dict[str, str]:
        return {"Bucket": self.bucket, "Key": self.prefix + name}


@dataclass(frozen=True)
class Behavior:
    """Something that S3 does and that other services may not do.

    Args:
        name: what S3 does.
        check: returns whether the service does it; a refused request means that it does not.
        advice: what follows for syncs if it does not.
    """

    name: str
    check: Callable[[Probe], bool]
    advice: str


def is_refused(request: Callable[[], object]) -> bool:
    """Return whether a request fails because its condition or its checksum is wrong."""
    try:
        request()
    except ClientError as error:
        return error.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 409, 412)
    return False


def _lists_in_order(probe: Probe) -> bool:
    names = ["order/Z", "order/a", "order/a-", "order/a/b", "order/b", "order/~"]
    for name in names:
        probe.put(name)
    return probe.names("order/") == sorted(names)


def _starts_after(probe: Probe) -> bool:
    for name in ("after/a", "after/b", "after/c"):
        probe.put(name)
    found = probe.names("after/", StartAfter=f"{probe.prefix}after/b")
    return found == ["after/c"]


def _keeps(*names: str) -> Callable[[Probe], bool]:
    def check(probe: Probe) -> bool:
        for name in names:
            probe.put(name)
        return set(probe.names(names[0])) >= set(names)

    return check


def _creates_once(probe: Probe) -> bool:
    probe.put("once")
    return is_refused(lambda: probe.put("once", IfNoneMatch="*"))


def _replaces_on_condition(probe: Probe) -> bool:
    probe.put("replaced")
    return is_refused(lambda: probe.put("replaced", IfMatch=_OTHER_ETAG))


def _reads_on_condition(probe: Probe) -> bool:
    probe.put("read")
    return is_refused(lambda: probe.get("read", IfMatch=_OTHER_ETAG))


def _copies_on_condition(probe: Probe) -> bool:
    probe.put("copied")
    return is_refused(lambda: probe.copy("copied", "copy", CopySourceIfMatch=_OTHER_ETAG))


def _deletes_on_condition(probe: Probe) -> bool:
    probe.put("deleted")
    return is_refused(lambda: probe.delete("deleted", IfMatch=_OTHER_ETAG))


def _has_md5(probe: Probe) -> bool:
    etag: str = probe.put("etag", b"content")["ETag"]
    return etag.strip('"') == hashlib.md5(b"content", usedforsecurity=False).hexdigest()


def _keeps_etag_of_parts(probe: Probe) -> bool:
    etag: str = probe.upload_parts("parts")["ETag"]
    return etag == probe.head("parts")["ETag"] and etag.strip('"').endswith("-2")


def _deletes_several(probe: Probe) -> bool:
    probe.put("several/a")
    probe.put("several/b")
    probe.delete("several/a", "several/b")
    return probe.names("several/") == []


def _copies_with_metadata(probe: Probe) -> bool:
    probe.put("metadata", Metadata={"key": "value"})
    probe.copy("metadata", "metadata-copy")
    return bool(probe.head("metadata-copy")["Metadata"] == {"key": "value"})


def _copies_what_is_named(probe: Probe) -> bool:
    probe.put("copied/a#", b"named")
    probe.put("copied/a%23", b"other")
    probe.copy("copied/a#", "copied/b")
    return probe.get("copied/b") == b"named"


def _keeps_tags(probe: Probe) -> bool:
    probe.put("tagged", Tagging="key=value")
    return probe.tags("tagged") == {"key": "value"}


def _times_agree(probe: Probe) -> bool:
    probe.put("time")
    listed, served = probe.listed("time")["LastModified"], probe.head("time")["LastModified"]
    return bool(listed.replace(microsecond=0) == served)


_MAY_MIX = "a copy of an object that changes during a sync may mix both versions"
_NOT_CHECKED = "damage in transit is not detected: check with data-sync verify"

BEHAVIORS: Sequence[Behavior] = (
    Behavior(
        "lists keys in the order of their bytes",
        _lists_in_order,
        "syncs stop with an error: listings cannot be compared",
    ),
    Behavior(
        "lists from a given key (start-after)",
        _starts_after,
        "long listings are not split into ranges",
    ),
    Behavior(
        "stores an object below the key of another (f, f/g)",
        _keeps("f", "f/g"),
        "objects are refused where a file and a folder have one name",
    ),
    Behavior(
        "stores folders as objects (d/)",
        _keeps("d/", "d/x"),
        "empty folders get lost",
    ),
    Behavior(
        "stores keys with empty parts (e//x)",
        _keeps("e//x"),
        "objects with such keys are refused: exclude them",
    ),
    Behavior(
        "creates an object only if there is none (If-None-Match)",
        _creates_once,
        "two writers may overwrite each other: let one sync write to a prefix at a time",
    ),
    Behavior(
        "replaces an object only if it has an ETag (If-Match)",
        _replaces_on_condition,
        "an object that another writer has changed is overwritten",
    ),
    Behavior("downloads an object only if it has an ETag", _reads_on_condition, _MAY_MIX),
    Behavior("copies an object only if it has an ETag", _copies_on_condition, _MAY_MIX),
    Behavior(
        "deletes an object only if it has an ETag",
        _deletes_on_condition,
        "moves look at each object before they delete it: they take longer",
    ),
    Behavior(
        "rejects an upload with a wrong Content-MD5",
        lambda probe: is_refused(lambda: probe.put("md5", ContentMD5=_OTHER_MD5)),
        _NOT_CHECKED,
    ),
    Behavior(
        "rejects an upload with a wrong CRC-32",
        lambda probe: is_refused(lambda: probe.put("crc", ChecksumCRC32="AAAAAA==")),
        f"{_NOT_CHECKED}, and set AWS_REQUEST_CHECKSUM_CALCULATION=when_required",
    ),
    Behavior(
        "stores an upload with a checksum",
        lambda probe: bool(probe.put("sum", ChecksumAlgorithm="CRC32")["ETag"]),
        "set AWS_REQUEST_CHECKSUM_CALCULATION=when_required",
    ),
    Behavior(
        "has the MD5 of an object as its ETag",
        _has_md5,
        "unchanged files cannot be recognized by their ETag: use --size-only",
    ),
    Behavior(
        "keeps the ETag of an upload in parts",
        _keeps_etag_of_parts,
        "large files may be compared by reading them: use --size-only",
    ),
    Behavior(
        "rejects an upload in parts with a wrong ETag",
        lambda probe: is_refused(lambda: probe.upload_parts("wrong", _OTHER_ETAG)),
        "parts of two uploads may be mixed: let one sync write to a prefix at a time",
    ),
    Behavior(
        "deletes several objects in one request",
        _deletes_several,
        "deletions fail or take a request for each object",
    ),
    Behavior(
        "copies the object that is named (a#, not a%23)",
        _copies_what_is_named,
        "copies of objects with special characters in their keys end in errors",
    ),
    Behavior(
        "copies metadata with an object",
        _copies_with_metadata,
        "metadata is lost by copies within the service",
    ),
    Behavior(
        "keeps the tags of an object",
        _keeps_tags,
        "tags are lost, and lifecycle rules on tags do not apply",
    ),
    Behavior(
        "has the same time in listings and metadata",
        _times_agree,
        "use --size-only, or files may be transferred again",
    ),
)
