"""Objects: what lies below a prefix, in the order in which S3 lists keys."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, wait
from datetime import datetime
from itertools import chain
from typing import NamedTuple
from urllib.parse import quote, unquote_plus

from aibs_informatics_aws_lambda.common.exceptions import AWSError, ResourceNotFoundError

from ..ahead import BegunIterator
from ..entries import Entry, Listing
from ..evidence import ListedPage, ListingEvidence, NoEvidenceError
from ..locations import s3_uri
from ..progress import activity
from .client import S3, SILENCE_SECONDS, warn_of_silence
from .key_folders import find_folders
from .key_ranges import Page, list_ranges
from .requests import Request, Response, head, read_stored
from .xml import find_blocks, find_text, unescape

logger = logging.getLogger(__name__)

# https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html. A page of 1,000 objects
# is text that S3 itself writes, in one form: expressions read it three times as fast as a parser.
_CONTENTS = re.compile(r"<Contents>.*</Contents>", re.DOTALL)
_FIELDS = tuple(
    re.compile(f"<{name}>([^<]*)</{name}>") for name in ("Key", "Size", "LastModified", "ETag")
)
_MAY_BE_ARCHIVED = re.compile(
    "<StorageClass>(GLACIER|DEEP_ARCHIVE|INTELLIGENT_TIERING)</StorageClass>"
)
_HAS_COMMON = "<CommonPrefixes"
_COMMON = re.compile(rf"{_HAS_COMMON}(?!\s*/>|>\s*</CommonPrefixes>)")
_COMMON_PREFIX = re.compile(rf"{_HAS_COMMON}>\s*<Prefix>([^<]*)</Prefix>\s*</CommonPrefixes>")
_PAGE = re.compile(r"<ListBucketResult\b.*</ListBucketResult>\s*$", re.DOTALL)
_IS_TRUNCATED = b"<IsTruncated>true</IsTruncated>"
_TOKEN = re.compile(b"<NextContinuationToken>([^<]+)</NextContinuationToken>")
_BOOLEANS = {"true": True, "false": False}
# A page is soon there; after so many, several ranges of keys are listed at a time. Folders, which
# one request lists, are split off after the first page.
_CHAINED_PAGES = 2
# Pages of 1,000 objects take about 0.3 MB each.
_MOST_PAGES_AHEAD = 8
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
    awaited = None if key == prefix else _request_object(s3, bucket, key)
    below = list_below(s3, bucket, prefix)
    single = None if awaited is None else _read_object(s3, bucket, key, awaited)
    first = next(below, None)
    entries = chain([] if first is None else [first], below)
    return Listing(single, entries, exists=single is not None or first is not None)


def find_object(s3: S3, bucket: str, key: str) -> Entry | None:
    """Return an object, with an empty ``relative``, or `None` if there is none.

    Raises:
        ResourceNotFoundError: the bucket does not exist.
        AWSError: it cannot be listed.
    """
    return _read_object(s3, bucket, key, _request_object(s3, bucket, key))


def _request_object(s3: S3, bucket: str, key: str) -> Future[Response]:
    # No key that starts with this one sorts before it. Unlike HEAD, this tells "not there" from
    # "not allowed", and needs no permission but that of listing.
    return s3.send(_page_request(bucket, key, None, limit=1))


def _read_object(s3: S3, bucket: str, key: str, awaited: Future[Response]) -> Entry | None:
    response = _result_of(awaited, bucket, key)
    page = _read_page(s3, response.body, bucket, key, ListingEvidence(bucket, key))
    found = page.objects[0] if page.objects else None
    if found is None or found.relative:
        return None
    return _with_served_sizes(s3, bucket, key, [found])[0]


def _result_of(awaited: Future[Response], bucket: str, prefix: str) -> Response:
    while wait([awaited], SILENCE_SECONDS).not_done:
        warn_of_silence("ListObjectsV2", s3_uri(bucket, prefix))
    return awaited.result()


def list_level(s3: S3, bucket: str, prefix: str) -> Iterator[Page]:
    """Yield the pages of what lies directly below a prefix: objects and common prefixes.

    Raises:
        ResourceNotFoundError: the bucket does not exist.
        AWSError: it cannot be listed, or not in the order of keys.
    """
    pages = _Pages(s3, bucket, prefix, delimiter="/")
    return (page for page, _ in pages.chained())


def list_below(s3: S3, bucket: str, prefix: str) -> Iterator[Entry]:
    """Return the objects whose keys start with ``prefix``, which ``relative`` is without.

    The first page is read at once. Long listings are split into ranges of keys, which are listed
    side by side.

    Raises:
        ResourceNotFoundError: the bucket does not exist.
        AWSError: it cannot be listed, or not in the order of keys.
    """
    if (bucket, prefix) in s3.begun_listings:
        found = s3.begun_listings.pop((bucket, prefix)).take()
        return chain(next(found), chain.from_iterable(found))
    pages = _Pages(s3, bucket, prefix)
    chained = pages.chained()
    first = next(chained)
    if first.following is None:
        return iter(first.page.objects)
    return chain.from_iterable(_objects_by_page(pages, chain([first], chained)))


def begin_listing(s3: S3, bucket: str, prefix: str) -> None:
    """Send the requests for the first pages of a listing, which the next `list_below` returns.

    The first one is sent at once. Errors are raised by `list_below`.
    """
    pages = _Pages(s3, bucket, prefix)
    found = _objects_by_page(pages, pages.chained())
    s3.begun_listings[bucket, prefix] = BegunIterator(found, _MOST_PAGES_AHEAD)


def _objects_by_page(pages: _Pages, chained: Iterable[_ChainedPage]) -> Iterator[list[Entry]]:
    first = ""
    for count, (page, following) in enumerate(chained, 1):
        yield page.objects
        if following is None or not page.objects:
            continue
        first = first or page.objects[0].relative
        if count > _CHAINED_PAGES or find_folders([entry.relative for entry in page.objects]):
            yield from list_ranges(pages, first, count, page, following)
            return


class _ChainedPage(NamedTuple):
    """A page, and the response that will have the next one, unless it is the last."""

    page: Page
    following: Future[Response] | None


class _Pages(NamedTuple):
    """The pages of the objects below a prefix; with a delimiter, of those directly below it."""

    s3: S3
    bucket: str
    prefix: str
    delimiter: str = ""

    def chained(self) -> Iterator[_ChainedPage]:
        """Yield one page after the other; the next one is requested ahead."""
        awaited: Future[Response] | None = self.request()
        evidence = self.evidence()
        while awaited is not None:
            response = _result_of(awaited, self.bucket, self.prefix)
            # Before the page is read, which takes a tenth of the time of the next response.
            token = _find_token(response.body)
            following = None if token is None else self.request(token)
            page = self.read(response, evidence)
            awaited = None
            if page.next_token is not None:
                awaited = following or self.request(page.next_token)
            yield _ChainedPage(page, awaited)

    def request(
        self, token: str | None = None, *, after: str | None = None, limit: int = 1000
    ) -> Future[Response]:
        start = None if after is None else self.prefix + after
        request = _page_request(self.bucket, self.prefix, token, start, limit, self.delimiter)
        return self.s3.send(request)

    def read(self, response: Response, evidence: ListingEvidence) -> Page:
        page = _read_page(self.s3, response.body, self.bucket, self.prefix, evidence)
        activity.listed += len(page.objects) + len(page.prefixes)
        served = _with_served_sizes(self.s3, self.bucket, self.prefix, page.objects)
        return page if served is page.objects else page._replace(objects=served)

    def request_folders(self, parent: str, after: str) -> Future[Response]:
        prefix, start = self.prefix + parent, self.prefix + after
        return self.s3.send(_page_request(self.bucket, prefix, None, start, delimiter="/"))

    def read_folders(self, awaited: Future[Response], parent: str) -> Page:
        prefix = self.prefix + parent
        evidence = ListingEvidence(self.bucket, prefix)
        try:
            page = _read_page(self.s3, awaited.result().body, self.bucket, prefix, evidence)
        except AWSError as error:
            # Policies may allow no other prefix than the one that is listed.
            logger.debug("Folders are not listed side by side: %s", error)
            return Page([], None)
        # Some services list them in another order.
        return page._replace(prefixes=sorted(parent + name for name in page.prefixes))

    def evidence(self, after: str | None = None) -> ListingEvidence:
        start = None if after is None else self.prefix + after
        return ListingEvidence(self.bucket, self.prefix, start)


def _with_served_sizes(s3: S3, bucket: str, prefix: str, objects: list[Entry]) -> list[Entry]:
    """Return objects with the sizes that they are served with.

    Some services list objects that refer to others as empty, as Swift does with its large objects.

    Raises:
        AWSError: an object cannot be read.
    """
    if all(found.size for found in objects) or s3.service.is_aws:
        return objects
    keys = {number: prefix + found.relative for number, found in enumerate(objects)}
    sent = {
        number: s3.send(head(bucket, key))
        for number, key in keys.items()
        # Those that stand for folders are left out.
        if not objects[number].size and not key.endswith("/")
    }
    served = list(objects)
    for number, future in sent.items():
        try:
            found = read_stored(future.result(), is_head=True)
        except ResourceNotFoundError:
            continue
        if found.size:
            served[number] = objects[number]._replace(size=found.size, etag=found.etag)
    return served


def _page_request(
    bucket: str,
    prefix: str,
    token: str | None,
    after: str | None = None,
    limit: int = 1000,
    delimiter: str = "",
) -> Request:
    # Keys may hold characters that XML has no form for, hence the encoding.
    query = f"list-type=2&encoding-type=url&max-keys={limit}&prefix={quote(prefix, safe='')}"
    if delimiter:
        query += f"&delimiter={quote(delimiter, safe='')}"
    if token:
        query += f"&continuation-token={quote(token, safe='')}"
    if after is not None:
        query += f"&start-after={quote(after, safe='')}"
    return Request("ListObjectsV2", "s3:ListBucket", bucket, query=query, prefix=prefix)


def _read_page(s3: S3, body: bytes, bucket: str, prefix: str, evidence: ListingEvidence) -> Page:
    """Return a page of a listing.

    Raises:
        AWSError: the response is not the page that was requested.
    """
    try:
        return _parse_page(body.decode(errors="replace"), prefix, evidence)
    except NoEvidenceError as error:
        raise AWSError(
            f"cannot list {s3_uri(bucket, prefix)}: {error}. Check that {s3.service.endpoint} is "
            "compatible with S3, and that no proxy or login page responds instead"
        ) from None


def _find_token(body: bytes) -> str | None:
    """Return the token of the next page, if there is one, without reading the objects."""
    found = _TOKEN.search(body) if _IS_TRUNCATED in body else None
    return None if found is None else unescape(found[1].decode(errors="replace"))


def _parse_page(text: str, prefix: str, evidence: ListingEvidence) -> Page:
    if not _PAGE.search(text):
        raise NoEvidenceError("the response is not a listing of S3")
    contents = _CONTENTS.search(text)
    keys, *columns = (
        [field.findall(contents[0]) for field in _FIELDS] if contents else [[], [], [], []]
    )
    if any(len(column) != len(keys) for column in columns):
        raise NoEvidenceError("objects have no key, size, time or ETag")
    decode = _decode_url if _ENCODED.search(text) else unescape
    keys = [decode(key) if "%" in key or "+" in key or "&" in key else key for key in keys]
    if keys[:1] == [evidence.last]:
        # Some services list the key that a page starts after as well, such as RustFS,
        # https://github.com/rustfs/rustfs/issues/1165.
        del keys[0]
        columns = [column[1:] for column in columns]
    # All that is not about objects.
    head = f"{text[: contents.start()]}{text[contents.end() :]}" if contents else text
    names = list(map(decode, _find_common_prefixes(text))) if _HAS_COMMON in text else []
    head = _COMMON_PREFIX.sub("", head) if names else head
    is_truncated = _BOOLEANS.get((find_text(head, "IsTruncated") or "").strip().lower())
    listed_prefix = find_text(head, "Prefix")
    if listed_prefix is not None and listed_prefix != prefix:
        listed_prefix = decode(listed_prefix)
    token = find_text(head, "NextContinuationToken")
    listed = sorted([*keys, *names]) if names else keys
    evidence.check(ListedPage(find_text(head, "Name"), listed_prefix, is_truncated, token, listed))
    sizes, times, etags = columns
    # Of a million objects, few have another entity than the quotation mark, in one of two forms.
    etags = [etag.replace("&quot;", '"').replace("&#34;", '"') for etag in etags]
    if any("&" in etag for etag in etags):
        etags = [unescape(etag) for etag in etags]
    start = len(prefix)
    objects = [
        Entry(
            key[start:],
            int(size),
            datetime.fromisoformat(modified).timestamp(),
            etag.strip('"'),
        )
        for key, size, modified, etag in zip(keys, sizes, times, etags, strict=True)
    ]
    if contents and _MAY_BE_ARCHIVED.search(contents[0]):
        objects = _with_storage_classes(objects, contents[0])
    return Page(objects, token if is_truncated else None, [name[start:] for name in names])


def _find_common_prefixes(text: str) -> list[str]:
    names: list[str] = _COMMON_PREFIX.findall(text)
    if len(names) != len(_COMMON.findall(text)):
        raise NoEvidenceError("common prefixes are not in the form of S3")
    return names


def _with_storage_classes(objects: list[Entry], contents: str) -> list[Entry]:
    """Return entries with those storage classes that may have to be restored."""
    blocks = find_blocks(contents, "Contents")
    found = [
        None if "<RestoreExpiryDate>" in block else _MAY_BE_ARCHIVED.search(block)
        for block in blocks[len(blocks) - len(objects) :]
    ]
    return [
        entry._replace(storage_class=match[1]) if match else entry
        for entry, match in zip(objects, found, strict=True)
    ]


def _decode_url(key: str) -> str:
    return unquote_plus(unescape(key))
