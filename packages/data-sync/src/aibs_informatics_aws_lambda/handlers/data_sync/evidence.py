"""Evidence: no entry is deleted, moved or called verified without it.

A listing is evidence if each of its pages is the page that was requested, and the last page says
that it is the last. A missing folder is evidence if the operating system says so of the folder
itself. The status of a response alone is no evidence of a transfer, as gateways, proxies and login
pages respond with 200 as well: the response must name the object that the service has stored, and
a source is removed only once its target was seen with the size and the ETag that were stored.

Everything that deletes relies on the functions of this module; they raise an error, or say no,
where evidence is missing.
"""

import errno
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from operator import lt
from typing import NamedTuple

from aibs_informatics_aws_lambda.common.exceptions import AWSError
from aibs_informatics_aws_lambda.common.s3 import is_access_point

_MAX_EMPTY_PAGES = 100
_DIGEST = re.compile(r"[0-9a-f]{32}(-[0-9]+)?")
# Times are rounded to seconds, up or down.
_CLOCK_SECONDS = 2


class NoEvidenceError(Exception):
    """A listing is not what was requested; the message says in which way."""


class ListedPage(NamedTuple):
    """What a page of a listing says of itself.

    Args:
        bucket: the bucket, or `None` if the page does not say.
        prefix: the key prefix, or `None` if the page does not say.
        is_truncated: whether further pages follow, or `None` if the page does not say.
        token: the token to request the next page with.
        keys: the keys.
    """

    bucket: str | None
    prefix: str | None
    is_truncated: bool | None
    token: str | None
    keys: Sequence[str]


@dataclass
class ListingEvidence:
    """Checks that pages are those of one listing, complete and in order.

    Args:
        bucket: the bucket that was requested.
        prefix: the key prefix that was requested.
        last: the key that the listing starts after, and then the last key so far.
    """

    bucket: str
    prefix: str
    last: str | None = None
    _tokens: set[str] = field(default_factory=set, init=False)
    _empty_pages: int = field(default=0, init=False)

    def check(self, page: ListedPage) -> None:
        """Check the next page.

        Raises:
            NoEvidenceError: it is not the page that was requested, or the listing does not end.
        """
        # The bucket of an access point has another name.
        if page.bucket not in (None, self.bucket) and not is_access_point(self.bucket):
            raise NoEvidenceError(f"a page is of the bucket {page.bucket!r}")
        if page.prefix is not None and page.prefix != self.prefix:
            raise NoEvidenceError(f"a page is of the prefix {page.prefix!r}")
        if page.is_truncated is None:
            raise NoEvidenceError("a page does not say whether it is the last one")
        self._check_order(page.keys)
        if page.is_truncated:
            self._check_token(page)

    def _check_order(self, keys: Sequence[str]) -> None:
        if not keys:
            return
        known = keys if self.last is None else [self.last, *keys]
        if not all(map(lt, known, islice(known, 1, None))):
            raise NoEvidenceError(
                "keys are not in order, as in directory buckets, which are not supported"
            )
        # In order, all keys between two that have the prefix have it as well.
        if not (keys[0].startswith(self.prefix) and keys[-1].startswith(self.prefix)):
            raise NoEvidenceError("a page has keys without the prefix")
        self.last = keys[-1]

    def _check_token(self, page: ListedPage) -> None:
        if not page.token:
            raise NoEvidenceError("a page that is not the last one has no continuation token")
        if page.token in self._tokens:
            raise NoEvidenceError("a continuation token is repeated")
        self._tokens.add(page.token)
        self._empty_pages = 0 if page.keys else self._empty_pages + 1
        if self._empty_pages > _MAX_EMPTY_PAGES:
            raise NoEvidenceError(f"more than {_MAX_EMPTY_PAGES} pages in a row are empty")


def is_absent(error: OSError) -> bool:
    """Return whether an error about a path is evidence that there is nothing at it.

    A stale handle, a file in place of a folder, a loop of symlinks or a disk that fails is none.
    """
    return error.errno == errno.ENOENT


def is_digest(etag: str) -> bool:
    """Return whether an ETag has the form of a digest of the content.

    Some services also have others, which say nothing of the content.
    """
    return bool(_DIGEST.fullmatch(etag))


class StoredObject(NamedTuple):
    """What a service says of an object.

    Args:
        size: in bytes, or `None` if the service does not say.
        etag: the ETag, without quotation marks; empty if the service does not say.
        crc64nvme: the checksum of the whole object, in Base64; empty if the service has none.
        is_encrypted: whether the ETag is no digest of the content, as with SSE-KMS and SSE-C.
        modified: the time of the last modification, in seconds since 1970 UTC, if it is known.
        age: the seconds since then, by the clock of the service, if they are known.
    """

    size: int | None = None
    etag: str = ""
    crc64nvme: str = ""
    is_encrypted: bool = False
    modified: float | None = None
    age: float | None = None


def is_served(size: int | None, modified: float | None, found: StoredObject) -> bool:
    """Return whether an object that is served under another ETag may be the one that was listed.

    Args:
        size: the listed size in bytes.
        modified: the listed time of the last modification.
        found: the object, as it is served.
    """
    if modified is None or found.modified is None:
        return False
    return found.size == size and int(found.modified) == int(modified)


def is_unchanged(
    size: int | None, modified: float | None, found: StoredObject, seconds: float
) -> bool:
    """Return whether an object that is served under another ETag is the one that was listed.

    Times have whole seconds: they are evidence only if the object was there some seconds before.

    Args:
        size: the listed size in bytes.
        modified: the listed time of the last modification.
        found: the object, as it is served.
        seconds: the seconds since before it was listed.
    """
    if found.age is None or found.age < seconds + _CLOCK_SECONDS:
        return False
    return is_served(size, modified, found)


def have_same_content(one: StoredObject, other: StoredObject) -> bool:
    """Return whether two objects have the same content, by their checksums or ETags."""
    if one.size != other.size:
        return False
    if one.crc64nvme and other.crc64nvme:
        return one.crc64nvme == other.crc64nvme
    return bool(one.etag) and one.etag == other.etag


def check_moved(
    source: str, target: str, size: int, found: StoredObject | None, *, is_stored: bool = True
) -> None:
    """Check that an entry has arrived at its target, before it is removed from the source.

    Args:
        source: the name of the source entry, for messages.
        target: the name of its target.
        size: its size in bytes.
        found: the entry at the target, or `None` if there is none.
        is_stored: whether the ETag at the target is the one that was stored, as far as that is
            known.

    Raises:
        AWSError: it has not.
    """
    if found is None:
        reason = "does not exist"
    elif found.size != size:
        reason = f"has {found.size} bytes instead of {size}"
    elif not is_stored:
        reason = f"has another ETag than what was stored: {found.etag}"
    else:
        return
    raise AWSError(
        f"cannot remove {source}: {target} {reason}, although its transfer succeeded. Nothing was "
        "removed: check AWS_ENDPOINT_URL, proxies, and what else writes to the destination"
    )
