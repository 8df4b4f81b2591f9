from __future__ import annotations

from concurrent.futures import Future
from urllib.parse import parse_qs

import pytest
from aibs_informatics_aws_lambda.common.exceptions import AWSError, ResourceNotFoundError
from aibs_informatics_aws_lambda.common.s3 import S3Path
from aibs_informatics_aws_lambda.handlers.data_sync.entries import Listing, is_placeholder
from aibs_informatics_aws_lambda.handlers.data_sync.s3 import listing
from aibs_informatics_aws_lambda.handlers.data_sync.s3.client import S3, sent_requests
from aibs_informatics_aws_lambda.handlers.data_sync.s3.listing import (
    begin_listing,
    find_in_s3,
    find_object,
    list_below,
    list_level,
)
from aibs_informatics_aws_lambda.handlers.data_sync.s3.requests import Request, Response
from aibs_informatics_aws_lambda.handlers.data_sync.s3.service import Service
from tables import table

ODD_KEYS = [
    "src//a",
    "src/ blank and+plus",
    "src/%41",
    "src/<&>\"'",
    "src/é\U0001f600",
    "src/control\x01",
    "src/" + "k" * 1020,
]


def find(s3: S3, uri: str) -> Listing:
    path = S3Path(uri)
    return find_in_s3(s3, path.bucket, path.key)


@pytest.fixture
def bucket(aws) -> str:
    return aws.make_bucket()


@pytest.fixture
def s3(aws) -> S3:
    return S3(connections=4)


def relative(source) -> list[str]:
    return [entry.relative for entry in source.below]


def test_objects_come_with_size_time_and_etag(aws, bucket: str, s3: S3):
    aws.put(bucket, "src/a", "four")
    [entry] = list_below(s3, bucket, "src/")
    there = aws.client("s3").head_object(Bucket=bucket, Key="src/a")
    assert entry.relative == "a"
    assert entry.size == 4
    assert int(entry.modified) == there["LastModified"].timestamp()
    assert entry.etag == there["ETag"].strip('"')


def test_keys_come_exactly_as_they_are(aws, bucket: str, s3: S3):
    for key in ODD_KEYS:
        aws.put(bucket, key)
    found = ["src/" + entry.relative for entry in list_below(s3, bucket, "src/")]
    assert found == sorted(ODD_KEYS, key=str.encode)


def test_all_pages_are_read(aws, bucket: str, s3: S3):
    keys = [f"{n:04}" for n in range(1005)]
    aws.put_all(bucket, dict.fromkeys(keys, b""))
    assert [entry.relative for entry in list_below(s3, bucket, "")] == keys


def test_folders_are_listed_side_by_side(aws, bucket: str, s3: S3):
    keys = [f"src/{n // 100:02}/{n:04}" for n in range(4500)]
    aws.put_all(bucket, dict.fromkeys(keys, b""))
    before = sent_requests["ListObjectsV2"]
    listed = ["src/" + entry.relative for entry in list_below(s3, bucket, "src/")]
    assert listed == keys
    # Five pages, and one of folders.
    assert sent_requests["ListObjectsV2"] - before == 6


@pytest.mark.parametrize("count", [0, 1, 1005])
def test_listing_that_was_begun_is_taken_by_the_next_one(aws, bucket: str, s3: S3, count: int):
    keys = [f"a/{n:04}" for n in range(count)]
    aws.put_all(bucket, dict.fromkeys(keys, b""))
    before = sent_requests["ListObjectsV2"]
    begin_listing(s3, bucket, "a/")
    s3.begun_listings[bucket, "a/"]._thread.join()
    aws.put(bucket, "a/later")

    assert len(list(list_below(s3, bucket, "a/"))) == count
    assert len(list(list_below(s3, bucket, "a/"))) == count + 1
    assert sent_requests["ListObjectsV2"] - before == 2 * (1 + count // 1000)


def test_listing_that_was_begun_of_another_prefix_is_not_taken(aws, bucket: str, s3: S3):
    aws.put(bucket, "a/1")
    begin_listing(s3, bucket, "b/")

    assert [entry.relative for entry in list_below(s3, bucket, "a/")] == ["1"]


def test_error_of_a_listing_that_was_begun_is_raised_where_it_is_taken(aws, s3: S3):
    begin_listing(s3, "no-such-bucket", "a/")

    with pytest.raises(ResourceNotFoundError, match="no-such-bucket"):
        list_below(s3, "no-such-bucket", "a/")


def test_prefix_is_a_folder_not_a_beginning_of_text(aws, bucket: str, s3: S3):
    for key in ("src/a", "src2/b", "src.txt"):
        aws.put(bucket, key)
    for uri in ("s3://bucket/src", "s3://bucket/src/"):
        source = find(s3, uri)
        assert (source.single, relative(source), source.exists) == (None, ["a"], True)


def test_object_and_what_is_below_its_key_are_told_apart(aws, bucket: str, s3: S3):
    for key in ("src", "src-", "src/a"):
        aws.put(bucket, key, "x")
    source = find(s3, "s3://bucket/src")
    assert source.single
    assert source.single.relative == ""
    assert relative(source) == ["a"]
    assert find(s3, "s3://bucket/src/").single is None


@pytest.mark.parametrize("uri", ["s3://bucket", "s3://bucket/"])
def test_bare_bucket_is_all_of_it(aws, bucket: str, s3: S3, uri: str):
    aws.put(bucket, "a")
    aws.put(bucket, "b/c")
    assert relative(find(s3, uri)) == ["a", "b/c"]


def test_level_has_objects_and_common_prefixes(aws, bucket: str, s3: S3):
    for key in ("src/", "src/a", "src/b c/1", "src/b c/2", "src/x&y/1", "src/z", "srcs"):
        aws.put(bucket, key, "text")
    [page] = list_level(s3, bucket, "src/")
    assert [entry.relative for entry in page.objects] == ["", "a", "z"]
    assert page.prefixes == ["b c/", "x&y/"]


def test_all_pages_of_a_level_are_read(aws, bucket: str, s3: S3):
    for number in range(1500):
        aws.put(bucket, f"src/{number:04}{'/x' if number % 2 else ''}")
    pages = list(list_level(s3, bucket, "src/"))
    assert len(pages) == 2
    objects = [entry.relative for page in pages for entry in page.objects]
    prefixes = [name for page in pages for name in page.prefixes]
    assert objects == [f"{number:04}" for number in range(0, 1500, 2)]
    assert prefixes == [f"{number:04}/" for number in range(1, 1500, 2)]


def test_common_prefixes_may_come_before_all_else():
    common = "<CommonPrefixes> <Prefix>s/b/</Prefix> </CommonPrefixes>"
    [page] = list_level(PagesS3(PAGE.format(common + OBJECT.format("s/a"))), "bucket", "s/")
    assert (page.prefixes, [entry.relative for entry in page.objects]) == (["b/"], ["a"])


@pytest.mark.parametrize(
    "common",
    [
        "<CommonPrefixes><Prefix>s/b/</Prefix><Prefix>s/c/</Prefix></CommonPrefixes>",
        '<CommonPrefixes xmlns="x"><Prefix>s/b/</Prefix></CommonPrefixes>',
    ],
)
def test_common_prefixes_in_another_form_are_not_left_out_silently(common: str):
    body = PAGE.format(f"<CommonPrefixes><Prefix>s/a/</Prefix></CommonPrefixes>{common}")
    with pytest.raises(AWSError, match="common prefixes are not in the form of S3"):
        list(list_level(PagesS3(body), "bucket", "s/"))


def test_folders_are_in_order_however_a_service_lists_them():
    common = "".join(
        f"<CommonPrefixes><Prefix>s/x/{name}/</Prefix></CommonPrefixes>" for name in "bca"
    )
    pages = listing._Pages(PagesS3(PAGE.replace("s/<", "s/x/<").format(common)), "bucket", "s/")
    awaited = pages.request_folders("x/", "x/")
    assert pages.read_folders(awaited, "x/").prefixes == ["x/a/", "x/b/", "x/c/"]


@pytest.mark.parametrize("common", ["<CommonPrefixes />", "<CommonPrefixes> </CommonPrefixes>"])
def test_empty_element_of_common_prefixes_has_none(common: str):
    [page] = list_level(PagesS3(PAGE.format(common)), "bucket", "s/")
    assert (page.objects, page.prefixes) == ([], [])


def test_part_of_a_name_is_missing(aws, bucket: str, s3: S3):
    aws.put(bucket, "src/a")
    assert not find(s3, "s3://bucket/sr").exists


@pytest.mark.parametrize("uri", ["s3://bucket/src", "s3://bucket/src/"])
def test_placeholder_alone_is_there(aws, bucket: str, s3: S3, uri: str):
    aws.put(bucket, "src/")
    source = find(s3, uri)
    assert source.exists
    [entry] = source.below
    assert entry.relative == ""
    assert is_placeholder(entry)


def test_object_is_found_by_its_very_key(aws, bucket: str, s3: S3):
    aws.put(bucket, "a.txt", "x")
    assert find_object(s3, bucket, "a") is None
    found = find_object(s3, bucket, "a.txt")
    assert found
    assert (found.relative, found.size) == ("", 1)


def test_missing_bucket_is_an_error_that_names_it(s3: S3):
    with pytest.raises(ResourceNotFoundError, match="s3://missing/src/: NoSuchBucket"):
        find(s3, "s3://missing/src")


def test_unreachable_service_is_an_error_that_says_where_it_was_looked_for(
    aws, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setattr("aibs_informatics_aws_lambda.handlers.data_sync.s3.client._RETRIES", 1)
    expected = r"cannot list s3://bucket/.*: .*AWS_ENDPOINT_URL: the host is 127\.0\.0\.1:1"
    with pytest.raises(AWSError, match=expected):
        find(S3(connections=1), "s3://bucket/src")


PAGE = (
    '<?xml version="1.0"?>\n<ListBucketResult><Name>bucket</Name><Prefix>s/</Prefix>'
    "<IsTruncated>false</IsTruncated>{}</ListBucketResult>"
)
OBJECT = (
    "<Contents><Key>{}</Key><Size>1</Size><LastModified>2026-01-01T00:00:00Z</LastModified>"
    "<ETag>&quot;e&quot;</ETag></Contents>"
)


class PagesS3:
    """An S3 that responds to each request with the next of some bodies."""

    service = Service("http://s3", is_aws=True)
    begun_listings = ()

    def __init__(self, *bodies: str) -> None:
        self.bodies = list(bodies)
        self.queries: list[dict[str, list[str]]] = []

    def send(self, request: Request) -> Future[Response]:
        self.queries.append(parse_qs(request.query))
        future: Future[Response] = Future()
        future.set_result(Response({}, self.bodies.pop(0).encode()))
        return future


@pytest.mark.parametrize(
    "body",
    [
        "",
        "<html>log in first</html>",
        "{}",
        PAGE.format(OBJECT.format("s/a"))[:-1],
        PAGE.format(OBJECT.format("s/a")).partition("</Contents>")[0],
        "<Error><Code>SlowDown</Code></Error>",
    ],
)
def test_response_that_is_no_listing_is_an_error_that_names_the_prefix(body):
    with pytest.raises(AWSError, match="cannot list s3://bucket/s/: the response is not"):
        list(list_below(PagesS3(body), "bucket", "s/"))


def test_object_without_a_size_is_an_error():
    body = PAGE.format(OBJECT.format("s/a").replace("<Size>1</Size>", ""))
    with pytest.raises(AWSError, match="objects have no key, size"):
        list(list_below(PagesS3(body), "bucket", "s/"))


def truncated_page(key: str) -> str:
    token = f"<NextContinuationToken>after {key}</NextContinuationToken>"
    return PAGE.format(OBJECT.format(key) + token).replace("false", "true")


def test_page_that_was_requested_ahead_of_a_probe_is_not_requested_again():
    last, none = PAGE.format(OBJECT.format("s/a4")), PAGE.format("")
    s3 = PagesS3(*map(truncated_page, ["s/a1", "s/a2", "s/a3"]), last, none)
    names = [entry.relative for entry in list_below(s3, "bucket", "s/")]
    assert names == ["a1", "a2", "a3", "a4"]
    tokens = [query.get("continuation-token") for query in s3.queries]
    assert tokens == [None, ["after s/a1"], ["after s/a2"], ["after s/a3"], None]
    assert s3.queries[-1]["start-after"] == ["s/a~"]


def test_next_page_is_requested_before_a_page_is_read(monkeypatch):
    s3, requested = PagesS3(truncated_page("s/a1"), PAGE.format(OBJECT.format("s/a2"))), []
    parse = listing._parse_page

    def noting(*arguments):
        requested.append(len(s3.queries))
        return parse(*arguments)

    monkeypatch.setattr(listing, "_parse_page", noting)
    assert [entry.relative for entry in list_below(s3, "bucket", "s/")] == ["a1", "a2"]
    assert requested == [2, 2]


def test_key_that_a_page_starts_after_is_not_listed_again():
    archived = OBJECT.replace("</Contents>", "<StorageClass>GLACIER</StorageClass></Contents>")
    page = PAGE.format(archived.format("s/a1") + archived.format("s/a2"))
    s3 = PagesS3(truncated_page("s/a1"), page)
    listed = list(list_below(s3, "bucket", "s/"))
    assert [(entry.relative, entry.storage_class) for entry in listed] == [
        ("a1", None),
        ("a2", "GLACIER"),
    ]


def test_pages_that_list_the_same_key_again_and_again_are_no_listing():
    pages = [truncated_page("s/a").replace("after s/a", f"{n}") for n in range(200)]
    with pytest.raises(AWSError, match="more than 100 pages in a row are empty"):
        list(list_below(PagesS3(*pages), "bucket", "s/"))


def test_token_of_the_last_page_is_not_followed():
    token = "<NextContinuationToken>t</NextContinuationToken>"
    s3 = PagesS3(PAGE.format(OBJECT.format("s/a") + token))
    assert [entry.relative for entry in list_below(s3, "bucket", "s/")] == ["a"]
    assert len(s3.queries) == 1


def test_next_page_is_requested_however_a_service_writes_that_there_is_one():
    first = truncated_page("s/a").replace(">true<", "> True <")
    s3 = PagesS3(first, PAGE.format(OBJECT.format("s/b")))
    assert [entry.relative for entry in list_below(s3, "bucket", "s/")] == ["a", "b"]


def test_error_on_a_later_page_ends_the_listing():
    first = PAGE.format(
        OBJECT.format("s/a") + "<NextContinuationToken>t</NextContinuationToken>"
    ).replace("false", "true")
    entries = list_below(PagesS3(first, "<html/>"), "bucket", "s/")
    assert next(entries).relative == "a"
    with pytest.raises(AWSError, match="is not a listing"):
        next(entries)


@pytest.mark.parametrize(
    ("written", "token"),
    [
        ("1ueGcxLPRx1Tr/XYExHnhbYLgveDs2J/wm36Hy4vbOwM=", None),
        ("s/a&amp;b", "s/a&b"),
        ("s/a&#x01;b", "s/a\x01b"),
        ("s/a&#1;&#13;b", "s/a\x01\rb"),
        ("a &lt;&gt;&quot;&apos; +%2F", "a <>\"' +%2F"),
        ("&#x1F600;", "\U0001f600"),
        ("&amp;quot;&#38;quot;&quot;amp;", '&quot;&quot;"amp;'),
    ],
)
def test_token_goes_back_as_it_was_meant(written, token):
    first = PAGE.format(
        OBJECT.format("s/a") + f"<NextContinuationToken>{written}</NextContinuationToken>"
    ).replace("false", "true")
    s3 = PagesS3(first, PAGE.format(OBJECT.format("s/b")))
    assert [entry.relative for entry in list_below(s3, "bucket", "s/")] == ["a", "b"]
    assert s3.queries[1]["continuation-token"] == [token or written]


@pytest.mark.parametrize(
    ("written", "etag"),
    [
        ("&quot;e&quot;", "e"),
        ("&#34;e&#34;", "e"),
        ('"e"', "e"),
        ("e", "e"),
        ("&#x22;e&amp;#34;&quot;", "e&#34;"),
    ],
)
def test_etag_is_without_quotation_marks_however_they_are_written(written, etag):
    body = PAGE.format(OBJECT.format("s/a")).replace("&quot;e&quot;", written)
    assert [entry.etag for entry in list_below(PagesS3(body), "bucket", "s/")] == [etag]


def test_prefix_may_be_echoed_in_the_encoding_of_keys():
    body = PAGE.format("<EncodingType>url</EncodingType>" + OBJECT.format("s%2B/a"))
    for echoed in ("s+/", "s%2B/"):
        s3 = PagesS3(body.replace("<Prefix>s/", f"<Prefix>{echoed}"))
        assert [entry.relative for entry in list_below(s3, "bucket", "s+/")] == ["a"]


RESTORED = (
    "<RestoreStatus><IsRestoreInProgress>false</IsRestoreInProgress>"
    "<RestoreExpiryDate>2027-01-01T00:00:00.000Z</RestoreExpiryDate></RestoreStatus>"
)
IN_PROGRESS = "<RestoreStatus><IsRestoreInProgress>true</IsRestoreInProgress></RestoreStatus>"


@table(
    "listed, storage_class",
    {
        "an object of Glacier": ("<StorageClass>GLACIER</StorageClass>", "GLACIER"),
        "an object of Deep Archive": ("<StorageClass>DEEP_ARCHIVE</StorageClass>", "DEEP_ARCHIVE"),
        "an object that is being restored": (
            f"<StorageClass>GLACIER</StorageClass>{IN_PROGRESS}",
            "GLACIER",
        ),
        "an object that is restored": (f"<StorageClass>GLACIER</StorageClass>{RESTORED}", None),
        "an object that may be in an archive tier": (
            "<StorageClass>INTELLIGENT_TIERING</StorageClass>",
            "INTELLIGENT_TIERING",
        ),
        "an object that can be read at once": ("<StorageClass>GLACIER_IR</StorageClass>", None),
        "an object of which no class is listed": ("", None),
    },
)
def test_storage_class_of_what_may_have_to_be_restored(listed, storage_class):
    contents = "".join(
        f"<Contents><Key>s/{name}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
        f"<ETag>&quot;e&quot;</ETag><Size>1</Size>{more}</Contents>"
        for name, more in (("a", "<StorageClass>STANDARD</StorageClass>"), ("b", listed))
    )
    page = (
        "<ListBucketResult><Name>bucket</Name><Prefix>s/</Prefix>"
        f"<IsTruncated>false</IsTruncated>{contents}</ListBucketResult>"
    )
    entries = list(list_below(PagesS3(page), "bucket", "s/"))
    assert [entry.storage_class for entry in entries] == [None, storage_class]
