"""Requests to S3 and their responses, as plain data."""

import base64
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import InvalidStateError
from types import MappingProxyType
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, quote, urlencode

from aibs_informatics_aws_lambda.common.exceptions import AWSError

from ..entries import Entry
from ..evidence import StoredObject, is_served
from ..locations import Root, s3_uri
from .endpoint import escape_key
from .retries import is_transient_of_object
from .xml import NAMESPACE, escape, find_blocks, find_fields, find_text

PART_BYTES: Final = 8 * 2**20
"""The size of the parts of large objects, unless these would be too many."""

_COPY_CONDITION = "x-amz-copy-source-if-match"
_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})

logger = logging.getLogger(__name__)


class ObjectVersion(NamedTuple):
    """An object as it was listed: a request about another version of it fails.

    Args:
        bucket: the bucket.
        key: the key.
        etag: the ETag, without quotation marks; empty where no object was listed.
        size: the size in bytes, if it is known.
        modified: the time of the last modification, in seconds since 1970 UTC, if it is known.
    """

    bucket: str
    key: str
    etag: str
    size: int | None = None
    modified: float | None = None


class Request(NamedTuple):
    """A request to S3.

    Args:
        operation: the operation of the S3 API.
        permission: the IAM action that it requires.
        bucket: the bucket.
        key: the key, unless the request is about the bucket.
        method: the HTTP method.
        query: the query string, escaped.
        headers: further headers.
        body: the body.
        send_file: the file to upload, instead of ``body``.
        receive_file: the file to write the response body to.
        file_name: the name for messages of the file that is sent or received, if that is another,
            or if its content is in ``body``.
        size: the size in bytes of the object that is uploaded or downloaded.
        part_bytes: the size of the parts in which a larger ``send_file`` is uploaded.
        keeps_headers: whether the response headers are needed.
        prefix: the key prefix of a listing, for messages.
        source: the URI of the object that is copied, for messages.
        version: the object that a condition names, as it was listed.
    """

    operation: str
    permission: str
    bucket: str
    key: str = ""
    method: str = "GET"
    query: str = ""
    headers: Mapping[str, str] = _NO_HEADERS
    body: bytes = b""
    send_file: str | None = None
    receive_file: str | None = None
    file_name: str | None = None
    size: int | None = None
    part_bytes: int | None = None
    keeps_headers: bool = False
    prefix: str = ""
    source: str = ""
    version: ObjectVersion | None = None

    @property
    def subject(self) -> str:
        """The objects and the local file, for messages."""
        uri = s3_uri(self.bucket, self.key or self.prefix)
        if self.source:
            return f"{self.source} to {uri}"
        if self.send_file or (self.body and self.file_name):
            return f"{self.local_name} to {uri}"
        return f"{uri} to {self.local_name}" if self.receive_file else uri

    @property
    def local_name(self) -> str | None:
        """The local file that is sent or received, for messages."""
        return self.file_name or self.receive_file or self.send_file


class Response(NamedTuple):
    """A response of S3.

    Args:
        headers: the headers, with names in lower case, if the request keeps them.
        body: the body, unless a file was uploaded or downloaded.
        size: the number of bytes of a file that were uploaded or downloaded.
        verified: whether the checksum that S3 sent with an object was correct.
    """

    headers: Mapping[str, str]
    body: bytes
    size: int = 0
    verified: bool = False


_NO_RESPONSE: Final = Response(_NO_HEADERS, b"")


class ResponseFuture:
    """A response that arrives in another thread, as in a `concurrent.futures.Future`.

    That one has a condition, which is locked six times for each response: a tenth of the time of a
    small transfer. Here, a callback is taken from a list, which is atomic, either by the thread
    that adds it or by the one that sets the response.
    """

    __slots__ = ("_callbacks", "_error", "_is_done", "_response")

    def __init__(self) -> None:
        self._callbacks: list[Callable[[Any], object]] = []
        self._is_done = False
        self._response = _NO_RESPONSE
        self._error: BaseException | None = None

    def done(self) -> bool:
        """Return whether there is a response or an error."""
        return self._is_done

    def result(self) -> Response:
        """Wait for the response, and return it.

        Raises:
            BaseException: the error that was set instead.
        """
        if not self._is_done:
            self._wait()
        if self._error is not None:
            raise self._error
        return self._response

    def exception(self) -> BaseException | None:
        """Wait for the response, and return the error instead of one, if there is one."""
        if not self._is_done:
            self._wait()
        return self._error

    def _wait(self) -> None:
        ended = threading.Event()
        self.add_done_callback(lambda _: ended.set())
        ended.wait()

    def add_done_callback(self, fn: Callable[[Any], object], /) -> None:
        """Call a function with this future, in the thread that sets the response, or now.

        An error of the function is logged.
        """
        self._callbacks.append(fn)
        if self._is_done:
            self._call_back()

    def set_result(self, response: Response, /) -> None:
        """Set the response.

        Raises:
            InvalidStateError: there is a response or an error already.
        """
        if self._is_done:
            raise InvalidStateError
        self._response = response
        self._is_done = True
        self._call_back()

    def set_exception(self, error: BaseException, /) -> None:
        """Set an error instead of the response.

        Raises:
            InvalidStateError: there is a response or an error already.
        """
        if self._is_done:
            raise InvalidStateError
        self._error = error
        self._is_done = True
        self._call_back()

    def _call_back(self) -> None:
        while self._callbacks:
            try:
                call = self._callbacks.pop(0)
            except IndexError:
                # Another thread has taken it.
                return
            try:
                call(self)
            except Exception:
                logger.exception("A callback of a response failed")


def object_version(root: Root, relative: str, entry: Entry | None) -> ObjectVersion:
    """Return an object below a root, as it was listed, if it was.

    Raises:
        TypeError: the root is a local path.
    """
    if root.bucket is None:
        raise TypeError(f"{root.name(relative)} is a local path, not an object")
    key = root.path + relative
    if entry is None:
        return ObjectVersion(root.bucket, key, "")
    return ObjectVersion(root.bucket, key, entry.etag or "", entry.size, entry.modified)


def settle(request: Request, found: StoredObject) -> Request | None:
    """Return a request whose condition failed, with one that holds if nothing has changed.

    Some services list another ETag than they serve, or compare it otherwise.

    Args:
        request: the request.
        found: the object that it names in its condition, as it is served.

    Returns:
        `None` if the object has changed.
    """
    version = request.version
    if version is None:
        return None
    name = next(name for name in request.headers if name.lower().endswith("if-match"))
    if found.etag != version.etag:
        if not is_served(version.size, version.modified, found):
            return None
        headers = {**request.headers, name: f'"{found.etag}"'}
    elif name == _COPY_CONDITION:
        headers = {key: value for key, value in request.headers.items() if key != name}
    else:
        return None
    return request._replace(headers=headers, version=None)


def copy_whole(
    source: ObjectVersion, bucket: str, key: str, headers: Mapping[str, str] = _NO_HEADERS
) -> Request:
    """Return the request that copies an object of at most 5 GiB, with its metadata and tags.

    Args:
        source: the object.
        bucket: the bucket of the copy.
        key: the key of the copy.
        headers: headers that say how the copy is stored, if not as its source.
    """
    return Request(
        "CopyObject",
        "s3:PutObject",
        bucket,
        key,
        "PUT",
        headers={**headers, **_copied(source)} if headers else _copied(source),
        source=s3_uri(source.bucket, source.key),
        version=source if source.etag else None,
    )


def copy_part(
    source: ObjectVersion, bucket: str, key: str, upload_id: str, number: int, span: range
) -> Request:
    """Return the request that copies bytes of an object as a part of a multipart upload."""
    headers = {
        **_copied(source),
        "x-amz-copy-source-range": f"bytes={span.start}-{span.stop - 1}",
    }
    query = f"partNumber={number}&uploadId={quote(upload_id, safe='')}"
    return Request(
        "UploadPartCopy",
        "s3:PutObject",
        bucket,
        key,
        "PUT",
        query,
        headers,
        source=s3_uri(source.bucket, source.key),
        version=source if source.etag else None,
    )


def create_upload(bucket: str, key: str, headers: Mapping[str, str]) -> Request:
    """Return the request that starts a multipart upload."""
    return Request(
        "CreateMultipartUpload",
        "s3:PutObject",
        bucket,
        key,
        "POST",
        "uploads",
        headers,
        keeps_headers=True,
    )


def upload_part(
    bucket: str, key: str, upload_id: str, number: int, body: bytes, md5: bytes
) -> Request:
    """Return the request that uploads a part, whose MD5 digest the service verifies."""
    query = f"partNumber={number}&uploadId={quote(upload_id, safe='')}"
    headers = {"Content-MD5": base64.b64encode(md5).decode()}
    return Request(
        "UploadPart",
        "s3:PutObject",
        bucket,
        key,
        "PUT",
        query,
        headers,
        body,
        keeps_headers=True,
    )


def unconfirmed_part(bucket: str, key: str, number: int) -> AWSError:
    """Return the error about a part whose upload the service does not confirm."""
    return AWSError(
        f"cannot upload part {number} of {s3_uri(bucket, key)}: the service does not confirm it. "
        "Check the endpoint and proxies"
    )


def complete_upload(bucket: str, key: str, upload_id: str, etags: Sequence[str]) -> Request:
    """Return the request that completes a multipart upload from the ETags of its parts."""
    parts = "".join(
        f"<Part><PartNumber>{number}</PartNumber><ETag>{escape(etag)}</ETag></Part>"
        for number, etag in enumerate(etags, 1)
    )
    body = f"<CompleteMultipartUpload {NAMESPACE}>{parts}</CompleteMultipartUpload>"
    query = f"uploadId={quote(upload_id, safe='')}"
    return Request(
        "CompleteMultipartUpload",
        "s3:PutObject",
        bucket,
        key,
        "POST",
        query,
        body=body.encode(),
    )


def abort_upload(bucket: str, key: str, upload_id: str) -> Request:
    """Return the request that aborts a multipart upload."""
    query = f"uploadId={quote(upload_id, safe='')}"
    return Request("AbortMultipartUpload", "s3:AbortMultipartUpload", bucket, key, "DELETE", query)


def get_version(version: ObjectVersion, size: int) -> Request:
    """Return the request that downloads a version of an object."""
    return Request(
        "GetObject",
        "s3:GetObject",
        version.bucket,
        version.key,
        headers={"If-Match": f'"{version.etag}"'},
        size=size,
        version=version,
    )


def get_range(version: ObjectVersion, span: range) -> Request:
    """Return the request that downloads some bytes of a version of an object."""
    request = get_version(version, len(span))
    headers = {**request.headers, "Range": f"bytes={span.start}-{span.stop - 1}"}
    return request._replace(headers=headers, keeps_headers=True)


def put_text(bucket: str, key: str, text: str) -> Request:
    """Return the request that writes text to an object."""
    return Request("PutObject", "s3:PutObject", bucket, key, "PUT", body=text.encode())


def get_tags(bucket: str, key: str) -> Request:
    """Return the request for the tags of an object."""
    return Request("GetObjectTagging", "s3:GetObjectTagging", bucket, key, query="tagging")


def put_tags(bucket: str, key: str, tags: str) -> Request:
    """Return the request that sets the tags of an object, encoded as in a tagging header."""
    tag_set = "".join(
        f"<Tag><Key>{escape(name)}</Key><Value>{escape(value)}</Value></Tag>"
        for name, value in parse_qsl(tags, keep_blank_values=True)
    )
    body = f"<Tagging {NAMESPACE}><TagSet>{tag_set}</TagSet></Tagging>"
    return Request(
        "PutObjectTagging",
        "s3:PutObjectTagging",
        bucket,
        key,
        "PUT",
        "tagging",
        body=body.encode(),
    )


def has_tags(response: Response) -> bool:
    """Return whether a response is a set of tags, even an empty one, and not the object."""
    return b"<TagSet" in response.body and b"<Tagging" in response.body


def read_tags(response: Response) -> str:
    """Return the tags in a response, encoded for the tagging header of an upload."""
    tags = map(find_fields, find_blocks(response.body.decode(), "Tag"))
    return urlencode([(tag["Key"], tag["Value"]) for tag in tags])


def read_text(response: Response, element: str) -> str:
    """Return the text of an element of a response.

    Raises:
        AWSError: the response has no such element.
    """
    found = find_text(response.body.decode(), element)
    if found is None:
        raise AWSError(f"the service does not respond as S3 does: {element} is missing")
    return found


def head(bucket: str, key: str, headers: Mapping[str, str] = _NO_HEADERS) -> Request:
    """Return the request for the metadata of an object."""
    return Request(
        "HeadObject", "s3:GetObject", bucket, key, "HEAD", headers=headers, keeps_headers=True
    )


def head_bucket(bucket: str) -> Request:
    """Return the request that finds out whether a bucket exists."""
    return Request("HeadBucket", "s3:ListBucket", bucket, method="HEAD")


def get_versioning(bucket: str) -> Request:
    """Return the request that finds out whether a bucket keeps versions."""
    return Request("GetBucketVersioning", "s3:GetBucketVersioning", bucket, query="versioning")


def head_checksum(bucket: str, key: str) -> Request:
    """Return the request for the metadata of an object, its checksum included."""
    return head(bucket, key, {"x-amz-checksum-mode": "ENABLED"})


def read_stored(response: Response, *, is_head: bool) -> StoredObject:
    """Return what a response says of the object that was uploaded, or requested by HEAD."""
    headers = response.headers
    encryption = headers.get("x-amz-server-side-encryption", "")
    is_whole = headers.get("x-amz-checksum-type", "FULL_OBJECT") == "FULL_OBJECT"
    length = modified = date = None
    if is_head:
        # Those of an upload are about the response.
        length = headers.get("content-length")
        modified, date = (_parse_time(headers.get(name)) for name in ("last-modified", "date"))
    return StoredObject(
        int(length) if length is not None else None,
        bare_etag(headers.get("etag", "")),
        headers.get("x-amz-checksum-crc64nvme", "") if is_whole else "",
        encryption.startswith("aws:")
        or "x-amz-server-side-encryption-customer-algorithm" in headers,
        modified,
        None if modified is None or date is None else date - modified,
    )


def bare_etag(header: str) -> str:
    """Return an ETag of a header, without quotation marks."""
    # Proxies that compress mark ETags as weak.
    return header.removeprefix("W/").strip('"')


def _parse_time(text: str | None) -> float | None:
    if text is None:
        return None
    # Only needed where a listing is in doubt.
    from email.utils import parsedate_to_datetime

    try:
        return parsedate_to_datetime(text).timestamp()
    except ValueError:
        return None


def head_part(bucket: str, key: str, number: int) -> Request:
    """Return the request for the size of a part of an object, by its number from 1."""
    return head(bucket, key)._replace(query=f"partNumber={number}")


def delete_one(bucket: str, key: str, etag: str | None = None) -> Request:
    """Return the request that deletes an object, if it still has the ETag."""
    headers = {"If-Match": f'"{etag}"'} if etag else {}
    return Request("DeleteObject", "s3:DeleteObject", bucket, key, "DELETE", headers=headers)


KEYS_PER_DELETION = 1000
"""The number of keys in a DeleteObjects request, at most:
https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html"""


def delete_several(bucket: str, objects: Sequence[tuple[str, str | None]]) -> Request:
    """Return the request that deletes objects.

    Args:
        bucket: the bucket.
        objects: keys that fit in XML, each with the ETag that the object must still have, if any.
    """
    objects_xml = "".join(
        f"<Object><Key>{escape(key)}</Key>{f'<ETag>{etag}</ETag>' if etag else ''}</Object>"
        for key, etag in objects
    )
    body = f"<Delete {NAMESPACE}>{objects_xml}<Quiet>true</Quiet></Delete>"
    return Request(
        "DeleteObjects", "s3:DeleteObject", bucket, "", "POST", "delete", body=body.encode()
    )


def left_to_delete(request: Request, response: Response) -> Request | None:
    """Return the request for the objects that a service can delete later only, if it says so.

    A response with another error is final: `None`.

    Args:
        request: the request that deletes objects.
        response: its response.
    """
    errors = find_blocks(response.body.decode(errors="replace"), "Error")
    failed = {fields.get("Key"): fields.get("Code", "") for fields in map(find_fields, errors)}
    if not failed or not all(map(is_transient_of_object, failed.values())):
        return None
    objects = [find_fields(each) for each in find_blocks(request.body.decode(), "Object")]
    left = [(each["Key"], each.get("ETag")) for each in objects if each["Key"] in failed]
    return delete_several(request.bucket, left) if len(left) == len(failed) else None


def copied_etag(response: Response) -> str:
    """Return the ETag of a copy, without quotation marks; empty if the service leaves it empty.

    Raises:
        AWSError: the response, whose status is 200, does not confirm the copy.
    """
    etag = find_etag(response)
    if etag is None:
        code = find_text(response.body.decode(errors="replace"), "Code")
        raise AWSError(
            f"the service does not confirm the copy{f': {code}' if code else ''}. Sync again, and "
            "check AWS_ENDPOINT_URL and proxies"
        )
    return etag


def find_etag(response: Response) -> str | None:
    """Return the ETag in the body of a response, without quotation marks, if there is one."""
    etag = find_text(response.body.decode(errors="replace"), "ETag")
    return None if etag is None else etag.strip('"')


def find_crc64nvme(response: Response) -> str:
    """Return the checksum of a whole object in the body of a response; empty if there is none."""
    document = response.body.decode(errors="replace")
    is_whole = find_text(document, "ChecksumType") in (None, "FULL_OBJECT")
    return (find_text(document, "ChecksumCRC64NVME") or "") if is_whole else ""


def deletion_errors(response: Response) -> list[str]:
    """Return the codes of the errors in a response to DeleteObjects."""
    errors = find_blocks(response.body.decode(errors="replace"), "Error")
    return [find_fields(error).get("Code", "") for error in errors]


def check_deletions(bucket: str, response: Response, *, one: bool | None = None) -> None:
    """Raise `AWSError` if a response does not confirm that all objects were deleted.

    Args:
        bucket: the bucket.
        response: the response.
        one: whether the request was DeleteObject, whose response is empty, or DeleteObjects;
            `None` for either.
    """
    document = response.body.decode(errors="replace")
    is_empty, is_result = not document.strip(), "<DeleteResult" in document
    is_confirmed = (is_empty and one is not False) or (is_result and one is not True)
    errors = find_blocks(document, "Error")
    if not errors and is_confirmed:
        return
    if not errors:
        raise AWSError(
            f"cannot delete objects from {s3_uri(bucket, '')}: the service does not confirm it. "
            "Check AWS_ENDPOINT_URL and proxies"
        )
    first = find_fields(errors[0])
    others = f" and {len(errors) - 1} more objects" if errors[1:] else ""
    raise AWSError(
        f"cannot delete {s3_uri(bucket, first.get('Key', ''))}{others}: "
        f"{first.get('Code', '')}: {first.get('Message', '')}"
    )


def _copy_source(source: ObjectVersion) -> str:
    bucket = source.bucket
    if not bucket.startswith("arn:"):
        return f"{bucket}/{escape_key(source.key)}"
    # https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
    arn, _, name = bucket.rpartition(":")
    return escape_key(f"{arn}/{name}/object/{source.key}")


def _copied(source: ObjectVersion) -> dict[str, str]:
    headers = {"x-amz-copy-source": _copy_source(source)}
    if source.etag:
        headers[_COPY_CONDITION] = f'"{source.etag}"'
    return headers
