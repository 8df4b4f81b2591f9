"""Requests about objects, as plain data."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import unescape
from typing import Final
from urllib.parse import quote, urlencode

from aibs_informatics_aws_lambda.common.exceptions import AWSError

from ..entries import ObjectVersion
from .client import Request, Response
from .endpoint import escape_key

# https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
MAX_DELETIONS = 1000

_NAMESPACE: Final = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'

# White space too, as a parser of XML would read a carriage return as a line feed.
_XML: Final = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;", "\n": "&#10;", "\t": "&#9;"}
)

# What https://www.w3.org/TR/xml/#charsets leaves out. The complement, as it is written there,
# takes fifteen times as long to compile.
_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def copy_whole(source: ObjectVersion, bucket: str, key: str) -> Request:
    """Return the request that copies an object of at most 5 GiB, with its metadata and tags."""
    return Request("CopyObject", "s3:PutObject", bucket, key, "PUT", headers=_copied(source))


def copy_part(
    source: ObjectVersion, bucket: str, key: str, upload_id: str, number: int, span: range
) -> Request:
    """Return the request that makes a part of a new object from bytes of another one."""
    headers = {
        **_copied(source),
        "x-amz-copy-source-range": f"bytes={span.start}-{span.stop - 1}",
    }
    query = f"partNumber={number}&uploadId={quote(upload_id, safe='')}"
    return Request("UploadPartCopy", "s3:PutObject", bucket, key, "PUT", query, headers)


def create_upload(bucket: str, key: str, headers: Mapping[str, str]) -> Request:
    """Return the request that begins an object that is made of parts."""
    return Request(
        "CreateMultipartUpload", "s3:PutObject", bucket, key, "POST", "uploads", headers
    )


def complete_upload(bucket: str, key: str, upload_id: str, etags: Sequence[str]) -> Request:
    """Return the request that makes an object of its parts, in the order of their ETags."""
    parts = "".join(
        f"<Part><PartNumber>{number}</PartNumber><ETag>{_escaped(etag)}</ETag></Part>"
        for number, etag in enumerate(etags, 1)
    )
    body = f"<CompleteMultipartUpload {_NAMESPACE}>{parts}</CompleteMultipartUpload>"
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
    """Return the request that gives up the parts of an object."""
    query = f"uploadId={quote(upload_id, safe='')}"
    return Request("AbortMultipartUpload", "s3:AbortMultipartUpload", bucket, key, "DELETE", query)


def get_version(version: ObjectVersion, size: int, receive_file: str | None = None) -> Request:
    """Return the request that fetches an object of some size, to a file perhaps."""
    return Request(
        "GetObject",
        "s3:GetObject",
        version.bucket,
        version.key,
        headers={"If-Match": f'"{version.etag}"'},
        receive_file=receive_file,
        size=size,
    )


def put_text(bucket: str, key: str, text: str) -> Request:
    """Return the request that makes an object of some text."""
    return Request("PutObject", "s3:PutObject", bucket, key, "PUT", body=text.encode())


def get_tags(bucket: str, key: str) -> Request:
    """Return the request for the tags of an object."""
    return Request("GetObjectTagging", "s3:GetObjectTagging", bucket, key, query="tagging")


def read_tags(response: Response) -> str:
    """Return the tags of a response, as the header of an upload takes them."""
    found = re.findall(
        "<Tag>.*?<Key>([^<]*)</Key>.*?<Value>([^<]*)</Value>", response.body.decode(), re.DOTALL
    )
    return urlencode([(unescape(key), unescape(value)) for key, value in found])


def read_text(response: Response, element: str) -> str:
    """Return the text of an element of a response.

    Raises:
        AWSError: it is not there.
    """
    found = re.search(f"<{element}>([^<]*)</{element}>", response.body.decode())
    if found is None:
        raise AWSError(f"the service has not answered as S3 does: {element} is missing")
    return unescape(found[1])


def head(bucket: str, key: str) -> Request:
    """Return the request that tells the metadata of an object."""
    return Request("HeadObject", "s3:GetObject", bucket, key, "HEAD", keeps_headers=True)


def head_first_part(bucket: str, key: str) -> Request:
    """Return the request that tells the size of an object's first part."""
    return head(bucket, key)._replace(query="partNumber=1")


def fits_xml(key: str) -> bool:
    """Tell whether a key can be named in a document of XML."""
    return not _NOT_IN_XML.search(key)


def delete_one(bucket: str, key: str, etag: str | None = None) -> Request:
    """Return the request that removes an object, if it still has the ETag."""
    headers = {"If-Match": f'"{etag}"'} if etag else {}
    return Request("DeleteObject", "s3:DeleteObject", bucket, key, "DELETE", headers=headers)


def delete_several(bucket: str, objects: Sequence[tuple[str, str | None]]) -> Request:
    """Return the request that removes objects.

    Args:
        bucket: the bucket.
        objects: keys that fit XML, each with the ETag that the object must still have, if any.
    """
    objects_xml = "".join(
        f"<Object><Key>{_escaped(key)}</Key>{f'<ETag>{etag}</ETag>' if etag else ''}</Object>"
        for key, etag in objects
    )
    body = f"<Delete {_NAMESPACE}>{objects_xml}<Quiet>true</Quiet></Delete>"
    return Request(
        "DeleteObjects", "s3:DeleteObject", bucket, "", "POST", "delete", body=body.encode()
    )


def check_deletions(bucket: str, response: Response) -> None:
    """Raise `AWSError` if an object could not be removed."""
    errors = re.findall(r"<Error>(.*?)</Error>", response.body.decode(), re.DOTALL)
    if not errors:
        return
    first = {name: unescape(text) for name, text in re.findall(r"<(\w+)>([^<]*)</\1>", errors[0])}
    others = f" and {len(errors) - 1} more objects" if errors[1:] else ""
    raise AWSError(
        f"cannot delete s3://{bucket}/{first.get('Key', '')}{others}: "
        f"{first.get('Code', '')}: {first.get('Message', '')}"
    )


def _copied(source: ObjectVersion) -> dict[str, str]:
    headers = {"x-amz-copy-source": f"{source.bucket}/{escape_key(source.key)}"}
    if source.etag:
        headers["x-amz-copy-source-if-match"] = f'"{source.etag}"'
    return headers


def _escaped(text: str) -> str:
    return text.translate(_XML)
