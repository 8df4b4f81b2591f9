from __future__ import annotations

import copy
import hashlib
import json
import sys

import pytest
from aibs_informatics_aws_lambda.common.exceptions import (
    AWSError,
    ResourceNotFoundError,
    ValidationError,
)
from aibs_informatics_aws_lambda.handlers import data_sync
from aibs_informatics_aws_lambda.handlers.data_sync.operations import (
    GetJSONFromFileHandler,
    PutJSONToFileHandler,
    get_s3_scratch_key,
)
from faulty_s3 import faulty_s3, refusal
from hypothesis import given, strategies as st
from servers import aws_settings

UUID = "11111111-2222-4333-8444-555555555555"

# Surrogates are no text that a file or an object could hold.
json_text = st.text(st.characters(exclude_categories=["Cs"]))
# Not-a-number and infinity are no JSON: files keep them, responses refuse them.
json_numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
json_values = st.recursive(
    st.none() | st.booleans() | json_numbers | json_text,
    lambda values: st.lists(values, max_size=4) | st.dictionaries(json_text, values, max_size=4),
    max_leaves=20,
)


@pytest.fixture
def get(lambda_context):
    handler = GetJSONFromFileHandler.get_handler()
    return lambda **event: handler(event, lambda_context)


@pytest.fixture
def put(lambda_context):
    handler = PutJSONToFileHandler.get_handler()
    return lambda **event: handler(event, lambda_context)


@pytest.fixture
def bucket(aws):
    return aws.make_bucket("bucket")


class TestGetJSONFromFile:
    @pytest.mark.parametrize("document", [{"a": [1, None, {"b": None}]}, [], "text", 5, None])
    def test_any_json_value_is_returned_unchanged(self, get, tmp_path, document):
        path = tmp_path / "document.json"
        path.write_text(json.dumps(document))

        assert get(path=str(path)) == {"content": document}

    def test_object_in_s3_is_read(self, get, aws, bucket):
        uri = aws.put(bucket, "folder/é +%.json", '{"a": 1}')

        assert get(path=uri) == {"content": {"a": 1}}

    def test_relative_path_is_read_from_the_current_folder(self, get, tmp_path, monkeypatch):
        (tmp_path / "document.json").write_text("{}")
        monkeypatch.chdir(tmp_path)

        assert get(path="document.json") == {"content": {}}

    def test_missing_object_is_named(self, get, bucket):
        with pytest.raises(ResourceNotFoundError, match="s3://bucket/missing"):
            get(path="s3://bucket/missing")

    def test_missing_bucket_is_named(self, get, aws):
        with pytest.raises(ResourceNotFoundError, match="s3://nowhere/key"):
            get(path="s3://nowhere/key")

    def test_object_that_is_not_json_is_named_and_not_shown(self, get, aws, bucket):
        uri = aws.put(bucket, "key", "secret words")

        with pytest.raises(AWSError, match="s3://bucket/key does not contain JSON") as caught:
            get(path=uri)

        assert "secret" not in str(caught.value)

    @pytest.mark.parametrize("name", ["missing.json", "folder", "words.txt", "bytes.bin"])
    def test_file_without_json_is_named(self, get, tmp_path, name):
        (tmp_path / "folder").mkdir()
        (tmp_path / "words.txt").write_text("words")
        (tmp_path / "bytes.bin").write_bytes(b"\xff\xfe\x00")

        with pytest.raises(ValueError, match=name):
            get(path=str(tmp_path / name))

    @pytest.mark.parametrize(
        "path",
        [
            "efs://fs-0123456789abcdef0:/a",
            "fs-0123456789abcdef0:/a",
            "efs://fsap-0123456789abcdef0/a",
            "s3://under_score/key",
            "s3://",
            5,
            None,
        ],
    )
    def test_path_that_is_neither_s3_nor_local_is_refused_before_reading(self, get, path):
        with pytest.raises(ValidationError, match="path"):
            get(path=path)

    def test_bucket_without_a_key_is_refused(self, get, bucket):
        with pytest.raises(ValueError, match="s3://bucket"):
            get(path="s3://bucket")

    def test_path_is_required(self, get):
        with pytest.raises(ValidationError, match="path"):
            get(paths="document.json")


class TestPutJSONToFile:
    def test_object_is_one_sorted_ascii_line(self, put, aws, bucket):
        answer = put(content={"b": "é", "a": [1, None]}, path="s3://bucket/folder/key.json")

        assert answer == {"path": "s3://bucket/folder/key.json"}
        assert aws.get(bucket, "folder/key.json") == b'{"a": [1, null], "b": "\\u00e9"}'

    def test_object_is_written_without_its_tag_where_a_service_has_none(
        self, put, no_aws, monkeypatch, caplog
    ):
        def refuse_tags(call, proceed):
            refused = "x-amz-tagging" in call.headers
            return refusal(501, "NotImplemented") if refused else proceed()

        with faulty_s3() as s3:
            for name, value in aws_settings(s3.url).items():
                monkeypatch.setenv(name, value)
            s3.fault = refuse_tags
            put(path="s3://bucket/key", content=1)
            assert s3.read("bucket") == {"key": b"1"}
            s3.fault = lambda *_: refusal(403, "AccessDenied")
            with pytest.raises(AWSError, match="AccessDenied"):
                put(path="s3://bucket/other", content=1)

    def test_object_has_the_scratch_tag_and_the_json_content_type(self, put, aws, bucket):
        put(content=1, path="s3://bucket/key")

        s3 = aws.client("s3")
        tags = s3.get_object_tagging(Bucket=bucket, Key="key")["TagSet"]
        assert tags == [{"Key": "time-to-live", "Value": "scratch"}]
        assert s3.head_object(Bucket=bucket, Key="key")["ContentType"] == "application/json"

    def test_repeated_slashes_of_the_uri_collapse(self, put, aws, bucket):
        assert put(content=1, path="s3://bucket//a//b") == {"path": "s3://bucket/a/b"}
        assert aws.keys(bucket) == ["a/b"]

    def test_local_file_is_indented_and_its_folders_are_made(self, put, tmp_path):
        path = tmp_path / "new" / "folder" / "document.json"

        assert put(content={"b": None, "a": "é"}, path=str(path)) == {"path": str(path)}

        assert path.read_text() == '{\n    "a": "\\u00e9",\n    "b": null\n}'

    def test_existing_file_is_replaced_without_leftovers(self, put, tmp_path):
        path = tmp_path / "document.json"
        path.write_text("an old document that is longer than the new one")

        put(content=[], path=str(path))

        assert [file.name for file in tmp_path.iterdir()] == ["document.json"]
        assert path.read_text() == "[]"

    def test_folder_is_refused(self, put, tmp_path):
        with pytest.raises(ValueError, match="it is a folder"):
            put(content=1, path=str(tmp_path))

    @pytest.mark.parametrize("path", ["efs://fs-0123456789abcdef0:/a", "s3://B_B/key", 5])
    def test_path_that_is_neither_s3_nor_local_is_refused(self, put, path):
        with pytest.raises(ValidationError, match="path"):
            put(content=1, path=path)

    def test_content_is_required_but_may_be_null(self, put, tmp_path):
        with pytest.raises(ValidationError, match="content"):
            put(path=str(tmp_path / "document.json"))

        put(content=None, path=str(tmp_path / "document.json"))

        assert (tmp_path / "document.json").read_text() == "null"

    def test_missing_bucket_is_named(self, put, aws):
        with pytest.raises(ResourceNotFoundError, match="s3://nowhere/key"):
            put(content=1, path="s3://nowhere/key")

    @pytest.mark.parametrize(
        ("content", "digested"),
        [("text", "text"), ({"b": 1, "a": "é"}, '{"a": "\\u00e9", "b": 1}'), ([1], "[1]")],
    )
    def test_default_key_is_made_of_request_id_and_content(
        self, put, aws, bucket, monkeypatch, content, digested
    ):
        monkeypatch.setenv("DEFAULT_BUCKET_NAME", bucket)

        answer = put(content=content)

        digest = hashlib.sha256(digested.encode()).hexdigest()
        assert answer == {"path": f"s3://bucket/scratch/{UUID}/{digest}"}
        assert json.loads(aws.get(bucket, f"scratch/{UUID}/{digest}")) == content

    def test_default_key_of_null_is_random(self, put, bucket, monkeypatch):
        monkeypatch.setenv("DEFAULT_BUCKET_NAME", bucket)

        assert put(content=None)["path"] != put(content=None, path=None)["path"]

    @pytest.mark.parametrize("name", [None, ""])
    def test_default_key_requires_the_default_bucket(self, put, monkeypatch, name):
        if name is not None:
            monkeypatch.setenv("DEFAULT_BUCKET_NAME", name)

        with pytest.raises(ValueError, match="DEFAULT_BUCKET_NAME"):
            put(content=1)

    def test_request_id_that_is_not_a_uuid_is_refused_before_writing(
        self, aws, bucket, monkeypatch, lambda_context
    ):
        monkeypatch.setenv("DEFAULT_BUCKET_NAME", bucket)
        lambda_context.aws_request_id = "../../elsewhere"

        with pytest.raises(ValueError, match="not a UUID"):
            PutJSONToFileHandler.get_handler()({"content": 1}, lambda_context)

        assert aws.keys(bucket) == []

    def test_content_is_never_logged(self, run_command, tmp_path):
        payload = {"content": {"password": "secret words"}, "path": "document.json"}

        run = run_command(
            *(sys.executable, "-m", "aibs_informatics_aws_lambda.main"),
            *("--handler", "put-json-to-file", "--payload", json.dumps(payload)),
            POWERTOOLS_LOG_LEVEL="DEBUG",
        )

        assert (tmp_path / "document.json").exists()
        assert "document.json" in run.stderr
        assert "secret" not in run.stdout + run.stderr

    def test_event_is_not_modified(self, put, tmp_path, lambda_context):
        event = {"content": {"b": [1], "a": None}, "path": str(tmp_path / "document.json")}
        before = copy.deepcopy(event)

        PutJSONToFileHandler.get_handler()(event, lambda_context)

        assert event == before


@given(content=json_values)
def test_document_survives_a_round_trip(content, tmp_path_factory):
    path = str(tmp_path_factory.getbasetemp() / "property.json")

    PutJSONToFileHandler.run_executor({"content": content, "path": path})

    found = GetJSONFromFileHandler.run_executor({"path": path})
    assert found == {"content": content}


class TestScratchKey:
    def test_filename_and_id_can_be_given(self):
        assert get_s3_scratch_key("name.json", unique_id=UUID) == f"scratch/{UUID}/name.json"

    def test_equal_content_of_one_request_has_one_key(self):
        first, second = ({"a": 1, "b": 2}, {"b": 2, "a": 1})

        assert get_s3_scratch_key(content=first, unique_id=UUID) == get_s3_scratch_key(
            content=second, unique_id=UUID
        )

    def test_key_without_content_is_random(self):
        assert get_s3_scratch_key() != get_s3_scratch_key()

    def test_id_that_is_not_a_uuid_is_refused(self):
        with pytest.raises(ValueError, match="'key' is not a UUID"):
            get_s3_scratch_key(unique_id="key")


def test_ready_callables_run_the_handlers(tmp_path, lambda_context):
    event = {"content": {"a": 1}, "path": str(tmp_path / "document.json")}

    answer = data_sync.put_json_to_file_handler(event, lambda_context)

    assert data_sync.get_json_from_file_handler(answer, lambda_context) == {"content": {"a": 1}}
