"""Objects: what lies below a prefix, in the order in which S3 lists keys."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from html import unescape
from itertools import chain, islice
from operator import lt
from typing import NamedTuple
from urllib.parse import quote, unquote_plus

from aibs_informatics_aws_lambda.common.exceptions import AWSError

from ..entries import Entry, Listing
from ..locations import s3_uri
from .client import S3
from .requests import Request

# https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html. A page of 1,000 objects
# is text that S3 itself writes, in one form: expressions read it three times as fast as a parser.
_CONTENTS = re.compile(r"<Contents>.*</Contents>", re.DOTALL)
_FIELDS = tuple(
    re.compile(f"<{name}>([^<]*)</{name}>") for name in ("Key", "Size", "LastModified", "ETag")
)
_NEXT_TOKEN = re.compile(r"<NextContinuationToken>([^<]*)</NextContinuationToken>")
_ENCODED = re.compile(r"<EncodingType>url</EncodingType>")


def find_in_s3(s3: S3, bucket: str, key: str) -> Listing:
    """Return the object with a key, and the objects below it.

    A key without a slash at its end names the object that has it, and all objects whose keys start
    with it and a slash. The empty key names the whole bucket.

    Raises:
        ResourceNotFoundError: the bucket does not exist.
        AWSError: it cannot be listed.
    """
    prefix = f"{key}/" if key and not key.endswith("/") else key
    below = list_below(s3, bucket, prefix)
    single = None if key == prefix else find_object(s3, bucket, key)
    first = next(below, None)
    entries = chain([] if first is None else [first], below)
    return Listing(single, entries, exists=single is not None or first is not None)


def find_object(s3: S3, bucket: str, key: str) -> Entry | None:
    """Return an object, with an empty ``relative``, or `None` if there is none.

    Raises:
        ResourceNotFoundError: there is no such bucket.
        AWSError: it cannot be listed.
    """
    # No key that begins with this one sorts before it. Unlike HEAD, this tells "not there" from
    # "not allowed", and needs no permission but that of listing.
    page = _read_page(s3.ask(_page_request(bucket, key, None, limit=1)).body)
    found = page.objects[0] if page.objects else None
    return found._replace(relative="") if found and found.relative == key else None


def list_below(s3: S3, bucket: str, prefix: str) -> Iterator[Entry]:
    """Return the objects whose keys start with ``prefix``, which ``relative`` is without.

    The first page is read at once; then one page is requested ahead.

    Raises:
        ResourceNotFoundError: the bucket does not exist.
        AWSError: it cannot be listed, or not in the order of keys.
    """
    pages = _pages(s3, bucket, prefix)
    first = next(pages)
    if first.next_token is None:
        return iter(first.objects)
    return chain(first.objects, chain.from_iterable(page.objects for page in pages))


def _pages(s3: S3, bucket: str, prefix: str) -> Iterator[_Page]:
    awaited = s3.send(_page_request(bucket, prefix, None))
    last = None
    while True:
        page = _read_page(awaited.result().body, len(prefix))
        if page.next_token is not None:
            awaited = s3.send(_page_request(bucket, prefix, page.next_token))
        last = _check_order(page.objects, last, bucket, prefix)
        yield page
        if page.next_token is None:
            return


def _check_order(
    objects: Sequence[Entry], last: str | None, bucket: str, prefix: str
) -> str | None:
    """Check that keys rise, also from the last one of the page before; return the last one."""
    keys = [entry.relative for entry in objects]
    if last is not None:
        keys.insert(0, last)
    if not all(map(lt, keys, islice(keys, 1, None))):
        raise AWSError(
            f"cannot list {s3_uri(bucket, prefix)}: keys are not in order. Directory buckets, "
            "which list keys in no order, are not supported"
        )
    return keys[-1] if keys else None


class _Page(NamedTuple):
    objects: list[Entry]
    next_token: str | None


def _page_request(bucket: str, prefix: str, token: str | None, limit: int = 1000) -> Request:
    # Keys may hold characters that XML has no form for, hence the encoding.
    query = f"list-type=2&encoding-type=url&max-keys={limit}&prefix={quote(prefix, safe='')}"
    if token:
        query += f"&continuation-token={quote(token, safe='')}"
    return Request("ListObjectsV2", "s3:ListBucket", bucket, query=query, prefix=prefix)


def _read_page(body: bytes, prefix_length: int = 0) -> _Page:
    text = body.decode()
    contents = _CONTENTS.search(text)
    token = _NEXT_TOKEN.search(text)
    columns = [field.findall(contents[0]) for field in _FIELDS] if contents else [[]] * 4
    if len({len(column) for column in columns}) > 1:
        raise AWSError("the service does not list objects as S3 does: fields are missing")
    decode = _decode_url if _ENCODED.search(text) else unescape
    objects = [
        Entry(
            (decode(key) if "%" in key or "+" in key or "&" in key else key)[prefix_length:],
            int(size),
            datetime.fromisoformat(modified).timestamp(),
            # Of a million objects, few have another entity than this one, which all have twice.
            unescape(etag.replace("&quot;", '"')).strip('"'),
        )
        for key, size, modified, etag in zip(*columns, strict=True)
    ]
    return _Page(objects, unescape(token[1]) if token else None)


def _decode_url(key: str) -> str:
    return unquote_plus(unescape(key))
