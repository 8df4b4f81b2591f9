from __future__ import annotations

import http.server
import json
import threading
from contextlib import contextmanager

import pytest
from aibs_informatics_aws_lambda.common.exceptions import (
    AWSError,
    ResourceNotFoundError,
    ValidationError,
)
from aibs_informatics_aws_lambda.common.model import PydanticBaseModel
from aibs_informatics_aws_lambda.common.s3 import (
    S3Path,
    bucket_exists,
    download_to_json,
    download_to_json_object,
    upload_json,
)
from hypothesis import given, strategies as st

bucket_names = st.from_regex(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", fullmatch=True)
keys = st.text(st.characters(exclude_categories=["Cs"]), max_size=100)
segments = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/"), min_size=1)


ACCESS_POINT = "arn:aws:s3:us-west-2:123456789012:accesspoint"


@pytest.mark.parametrize(
    ("text", "bucket", "key"),
    [
        ("s3://bucket", "bucket", ""),
        ("s3://bucket/", "bucket", ""),
        ("s3://bucket/a/b.json", "bucket", "a/b.json"),
        ("s3://bucket/a//b///c/", "bucket", "a/b/c/"),
        ("s3://bucket//a", "bucket", "a"),
        ("s3://b-1.x/é #?%\\", "b-1.x", "é #?%\\"),
        ("s3://UPPER/key", "UPPER", "key"),
        (f"s3://{ACCESS_POINT}/data-ap/run//a/", f"{ACCESS_POINT}:data-ap", "run/a/"),
        (f"s3://{ACCESS_POINT}:data-ap", f"{ACCESS_POINT}:data-ap", ""),
    ],
)
def test_parts_of_a_path(text, bucket, key):
    path = S3Path(text)

    assert (path.bucket, path.bucket_name, path.key) == (bucket, bucket, key)
    assert path.as_dict() == {"Bucket": bucket, "Key": key}
    assert S3Path.is_valid(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("bucket/key", "does not start with s3://"),
        ("S3://bucket/key", "does not start with s3://"),
        ("", "does not start with s3://"),
        ("s3://", "bucket name ''"),
        ("s3:///key", "bucket name ''"),
        ("s3://ab/key", "bucket name 'ab'"),
        ("s3://-abc/key", "bucket name '-abc'"),
        ("s3://a_b_c/key", "bucket name 'a_b_c'"),
        (f"s3://{'a' * 64}/key", "3 to 63 letters"),
        (f"s3://bucket/{'é' * 513}", "more than the 1024"),
        ("s3://bucket/\ud800", "UTF-8"),
        ("s3://arn:aws:s3::123456789012:accesspoint/x.mrap/k", "multi-Region .*SigV4A"),
        ("s3://arn:aws:s3-outposts:us-west-2:123456789012:outpost/o/accesspoint/x", "Outposts"),
        ("s3://arn:aws:s3-object-lambda:us-west-2:123456789012:accesspoint/x", "Object Lambda"),
        ("s3://arn:aws:s3express:us-west-2:123456789012:bucket/x", "directory buckets"),
        ("s3://arn:aws:iam::123456789012:role/x", "must be that of an access point"),
        (f"s3://{ACCESS_POINT}/data_ap/key", "must be that of an access point"),
        (None, "expected a string"),
        (5, "expected a string"),
    ],
)
def test_invalid_path_is_rejected_with_the_reason(text, reason):
    assert not S3Path.is_valid(text)
    with pytest.raises(ValidationError, match=reason):
        S3Path(text)


def test_paths_are_joined_and_taken_apart():
    path = S3Path("s3://bucket/a/b.json")

    assert path.name == "b.json"
    assert path.parent == "s3://bucket/a/"
    assert path.parent.parent == "s3://bucket/"
    assert path.parent.parent.parent == "s3://bucket/"
    assert path.parent / "c" == "s3://bucket/a/c"
    assert path.parent / "/c" == "s3://bucket/a/c"
    assert S3Path("s3://bucket/a") / "c" == "s3://bucket/a/c"
    assert path // "other" == "s3://bucket/other"
    assert path + ".gz" == "s3://bucket/a/b.json.gz"
    assert S3Path.build("bucket", "/a") == "s3://bucket/a"
    assert S3Path.build("bucket") == "s3://bucket/"
    assert {type(part) for part in (path.parent, path / "x", path // "x", path + "x")} == {S3Path}


@pytest.mark.parametrize(
    ("text", "key", "has_suffix"),
    [
        ("s3://bucket", "", False),
        ("s3://bucket/a", "a/", False),
        ("s3://bucket/a/", "a/", True),
    ],
)
def test_folders_end_in_one_slash(text, key, has_suffix):
    path = S3Path(text)

    assert path.has_folder_suffix() is has_suffix
    assert path.key_with_folder_suffix == key
    assert path.with_folder_suffix == f"s3://bucket/{key}"


def test_paths_are_fields_of_models():
    class Place(PydanticBaseModel):
        at: S3Path

    place = Place.from_dict({"at": "s3://bucket//key"})

    assert place.at.key == "key"
    assert place.to_dict() == {"at": "s3://bucket/key"}
    with pytest.raises(ValidationError, match="at"):
        Place.from_dict({"at": "/local"})


@given(bucket_names, keys)
def test_path_of_any_key_keeps_its_parts(bucket, key):
    path = S3Path.build(bucket, key)

    assert path.bucket == bucket
    assert S3Path(str(path)) == path
    assert S3Path.build(path.bucket, path.key) == path
    assert "//" not in path.key
    assert not path.key.startswith("/")


@given(bucket_names, keys, segments)
def test_parent_of_a_joined_path_is_the_folder(bucket, key, name):
    folder = S3Path.build(bucket, key).with_folder_suffix

    assert (folder / name).parent == folder
    assert (folder / name).name == name


@given(st.text() | st.text().map(lambda text: f"s3://bucket/{text}"))
def test_any_text_is_a_path_or_a_validation_error(text):
    try:
        path = S3Path(text)
    except ValidationError:
        assert not S3Path.is_valid(text)
    else:
        assert S3Path.is_valid(text)
        assert path.parent.with_folder_suffix == path.parent


@pytest.mark.parametrize("uri", ["s3://bucket", "s3://bucket/"])
def test_uri_without_a_key_is_an_error_that_says_so(uri):
    with pytest.raises(AWSError, match="is a bucket, not an object: add a key, s3://bucket/KEY"):
        download_to_json(S3Path(uri))
    with pytest.raises(AWSError, match="is a bucket, not an object"):
        upload_json({}, S3Path(uri))


def test_documents_of_any_type_are_read(aws):
    aws.make_bucket()
    for document in ({"a": "é"}, [1], 5, None):
        aws.put("bucket", "key", json.dumps(document))

        assert download_to_json(S3Path("s3://bucket/key")) == document


def test_object_is_required(aws):
    aws.make_bucket()
    aws.put("bucket", "object", '{"a": 1}')
    aws.put("bucket", "list", "[1]")

    assert download_to_json_object(S3Path("s3://bucket/object")) == {"a": 1}
    with pytest.raises(
        AWSError, match="s3://bucket/list contains a JSON list, expected an object"
    ):
        download_to_json_object(S3Path("s3://bucket/list"))


@pytest.mark.parametrize("uri", ["s3://bucket/missing", "s3://no-bucket/key"])
def test_missing_object_or_bucket_is_named(aws, uri):
    aws.make_bucket()

    with pytest.raises(ResourceNotFoundError, match=f"cannot read {uri}: .*NoSuch"):
        download_to_json(S3Path(uri))


@pytest.mark.parametrize("body", [b"nope", b"", b'"\xff"', b"[" * 200_000])
def test_object_that_is_not_json_is_named(aws, body):
    aws.make_bucket()
    aws.put("bucket", "key", body)

    with pytest.raises(AWSError, match="s3://bucket/key does not contain JSON"):
        download_to_json(S3Path("s3://bucket/key"))


def test_document_is_written_as_one_ascii_line_and_replaces_the_old_one(aws):
    aws.make_bucket()
    aws.put("bucket", "key", "old")

    upload_json({"b": "é", "a": None}, S3Path("s3://bucket/key"))

    found = aws.client("s3").get_object(Bucket="bucket", Key="key")
    assert found["Body"].read() == b'{"a": null, "b": "\\u00e9"}'
    assert found["ContentType"] == "application/json"


def test_further_arguments_reach_s3(aws):
    aws.make_bucket()

    upload_json([], S3Path("s3://bucket/key"), extra_args={"Tagging": "a=b", "ContentType": "x/y"})

    tags = aws.client("s3").get_object_tagging(Bucket="bucket", Key="key")["TagSet"]
    assert tags == [{"Key": "a", "Value": "b"}]
    assert aws.client("s3").head_object(Bucket="bucket", Key="key")["ContentType"] == "x/y"


def test_invalid_json_is_not_written(aws):
    aws.make_bucket()

    with pytest.raises(TypeError):
        upload_json({"a": object()}, S3Path("s3://bucket/key"))

    assert aws.keys("bucket") == []


def test_writing_to_a_missing_bucket_is_an_error_that_names_it(aws):
    with pytest.raises(AWSError, match=r"cannot write s3://no-bucket/key: .*NoSuchBucket"):
        upload_json({}, S3Path("s3://no-bucket/key"))


def test_buckets_are_looked_for(aws):
    aws.make_bucket()

    assert bucket_exists("bucket")
    assert not bucket_exists("no-bucket")


def test_missing_credentials_are_named_with_the_remedy(aws, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    for call in (
        lambda: download_to_json(S3Path("s3://bucket/key")),
        lambda: bucket_exists("b-x"),
    ):
        with pytest.raises(AWSError, match=r"credentials. Set AWS_PROFILE"):
            call()


@contextmanager
def s3_server(answers):
    """Serve GETs with (status, promised length, body) one after the other; the last one stays."""
    requests = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            status, length, body = answers[min(len(requests), len(answers) - 1)]
            requests.append(self.path)
            self.send_response(status)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)
            self.close_connection = True

        do_HEAD = do_GET  # noqa: N815 - the name is given

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", requests
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_body_that_breaks_off_is_read_again(aws):
    with s3_server([(200, 10, b"[1, "), (200, 10, b""), (200, 6, b"[1, 2]")]) as (url, requests):
        assert download_to_json(S3Path("s3://bucket/key"), endpoint_url=url) == [1, 2]

    assert len(requests) == 3


def test_body_that_always_breaks_off_is_an_error_that_names_the_object(aws):
    with (
        s3_server([(200, 10, b"[1, ")]) as (url, requests),
        pytest.raises(AWSError, match="cannot read s3://bucket/key"),
    ):
        download_to_json(S3Path("s3://bucket/key"), endpoint_url=url)

    assert len(requests) == 4


def test_denied_access_is_named_with_the_permission_that_is_missing(aws):
    body = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
    with s3_server([(403, len(body), body)]) as (url, _):
        with pytest.raises(
            AWSError,
            match=r"cannot read s3://bucket/key: .*AccessDenied.*Grant s3:GetObject",
        ):
            download_to_json(S3Path("s3://bucket/key"), endpoint_url=url)
        # Whoever may not look cannot tell: the bucket may be there.
        assert bucket_exists("bucket", endpoint_url=url)
