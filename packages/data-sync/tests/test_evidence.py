"""No evidence, no deletion."""

from __future__ import annotations

import errno

import pytest
from aibs_informatics_aws_lambda.common.exceptions import AWSError
from aibs_informatics_aws_lambda.handlers.data_sync.evidence import (
    ListedPage,
    ListingEvidence,
    NoEvidenceError,
    StoredObject,
    check_moved,
    is_absent,
)
from tables import table


def page(
    keys: str = "", token: str | None = None, *, more: bool | None = None, **said: str
) -> ListedPage:
    is_truncated = token is not None if more is None else more
    return ListedPage(said.get("bucket"), said.get("prefix"), is_truncated, token, keys.split())


@table(
    "pages",
    {
        "one page is a listing": [page("s/a s/b", bucket="bucket", prefix="s/")],
        "an empty page is a listing": [page()],
        "pages continue": [page("s/a", "1"), page("s/b", "2"), page("s/c")],
        "a page between may be empty": [page("s/a", "1"), page("", "2"), page("s/b")],
        "a service need not name bucket and prefix": [page("s/a")],
        "a hundred empty pages in a row may be": [page("", str(n)) for n in range(100)],
        "empty pages are counted in a row only": [
            *(page("", str(n)) for n in range(100)),
            page("s/a", "100"),
            *(page("", str(n)) for n in range(101, 150)),
        ],
    },
)
def test_listing(pages):
    evidence = ListingEvidence("bucket", "s/")
    for each in pages:
        evidence.check(each)


@table(
    "pages, message",
    {
        "another bucket": ([page("s/a", bucket="other")], "of the bucket 'other'"),
        "another prefix": ([page(prefix="")], "of the prefix ''"),
        "keys of another prefix": ([page("r/a s/b")], "keys without the prefix"),
        "keys beyond the prefix": ([page("s/b t/a")], "keys without the prefix"),
        "no word on further pages": (
            [ListedPage("bucket", "s/", None, None, [])],
            "whether it is the last one",
        ),
        "truncated without a token": ([page("s/a", more=True)], "no continuation token"),
        "truncated with an empty token": ([page("s/a", "")], "no continuation token"),
        "a token that repeats": ([page("s/a", "1"), page("s/b", "1")], "token is repeated"),
        "a token that comes back": (
            [page("s/a", "1"), page("s/b", "2"), page("s/c", "1")],
            "token is repeated",
        ),
        "keys that fall": ([page("s/b s/a")], "not in order"),
        "a key that repeats": ([page("s/a s/a")], "not in order"),
        "keys that fall from page to page": ([page("s/b", "1"), page("s/a")], "not in order"),
        "a page that repeats": ([page("s/a", "1"), page("s/a", "2")], "not in order"),
        "empty pages without end": (
            [page("", str(n)) for n in range(101)],
            "more than 100 pages in a row are empty",
        ),
    },
)
def test_no_listing(pages, message):
    evidence = ListingEvidence("bucket", "s/")
    for each in pages[:-1]:
        evidence.check(each)
    with pytest.raises(NoEvidenceError, match=message):
        evidence.check(pages[-1])


@pytest.mark.parametrize("number", errno.errorcode)
def test_only_enoent_is_evidence_that_there_is_nothing(number):
    assert is_absent(OSError(number, "")) is (number == errno.ENOENT)


@table(
    "found, is_stored, message",
    {
        "it is there": (StoredObject(3, "e"), True, None),
        "it is not there": (None, True, "s3://b/t does not exist"),
        "it has another size": (StoredObject(0), True, "s3://b/t has 0 bytes instead of 3"),
        "it has another ETag": (StoredObject(3, "e"), False, "s3://b/t has another ETag .*: e,"),
    },
)
def test_entry_is_moved_once_it_was_seen_at_its_target(found, is_stored, message):
    if message is None:
        check_moved("/src/a", "s3://b/t", 3, found, is_stored=is_stored)
        return
    with pytest.raises(AWSError, match=f"cannot remove /src/a: {message}"):
        check_moved("/src/a", "s3://b/t", 3, found, is_stored=is_stored)


@pytest.mark.parametrize(
    "bucket", ["arn:aws:s3:us-west-2:123456789012:accesspoint:ap", "ap-x0y1z2-s3alias"]
)
def test_page_of_an_access_point_names_its_bucket(bucket):
    ListingEvidence(bucket, "s/").check(page("s/a", bucket="bucket", prefix="s/"))
