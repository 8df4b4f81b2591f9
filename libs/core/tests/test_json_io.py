from __future__ import annotations

import json
import os
from decimal import Decimal
from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.common.json_io import (
    DecimalEncoder,
    as_json_object,
    dump_json_line,
    is_json_str,
    load_json,
    load_json_object,
    parse_json,
    path_from_text,
)
from hypothesis import given, strategies as st

documents = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@pytest.mark.parametrize("text", ['{"a": 1}', "[1]", "5", "null", '"text"', " true "])
def test_json_text_of_any_type_is_json(text):
    assert is_json_str(text)
    assert load_json(text) == json.loads(text)


@pytest.mark.parametrize("value", ["nope", "", "{", "[" * 200_000, 5, None, b"{}", Path("a"), {}])
def test_other_text_and_invalid_text_is_not_json(value):
    assert is_json_str(value) is False


def test_documents_are_read_from_files_by_text_and_by_path(tmp_path):
    path = tmp_path / "o.json"
    path.write_text('{"f": "é"}', encoding="utf-8")

    assert load_json(str(path)) == load_json(path) == {"f": "é"}
    assert load_json_object(str(path)) == load_json_object(path) == {"f": "é"}
    assert load_json(path.as_uri()) == {"f": "é"}
    assert not is_json_str(str(path))


def test_json_text_wins_over_a_file_of_that_name_but_not_over_a_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("123").write_text('"from the file"')

    assert load_json("123") == 123
    assert load_json(Path("123")) == "from the file"


@pytest.mark.parametrize("name", ["[1].json", "{a}.json"])
def test_file_whose_name_starts_like_json_is_found(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    Path(name).write_text("{}")

    assert load_json(name) == {}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_files_are_read_in_every_encoding_of_json(tmp_path, encoding):
    path = tmp_path / "document.json"
    path.write_text('{"f": "é"}', encoding=encoding)

    assert load_json(path) == {"f": "é"}


@pytest.mark.parametrize("source", ["[1]", "5", "null"])
def test_other_types_are_no_object(source):
    with pytest.raises(ValueError, match="expected a JSON object, got"):
        load_json_object(source)


def test_file_with_another_type_is_named(tmp_path):
    path = tmp_path / "list.json"
    path.write_text("[2]")

    with pytest.raises(ValueError, match=r"list\.json, got list"):
        load_json_object(path)


@pytest.mark.parametrize("source", ["none.json", Path("none.json"), "x\0y", "a" * 5000, "", "."])
def test_what_is_neither_json_nor_a_file_is_a_value_error_that_names_it(source):
    with pytest.raises(ValueError, match="neither JSON text nor a readable file") as caught:
        load_json(source)

    assert len(str(caught.value)) < 400
    assert str(source)[:20].split("\0")[0] in str(caught.value)


def test_file_with_bad_content_is_a_decode_error_that_names_it(tmp_path):
    path = tmp_path / "bad.json"
    path.write_text("x")

    with pytest.raises(json.JSONDecodeError, match=r"bad\.json does not contain JSON"):
        load_json(path)


@pytest.mark.parametrize("content", [b'"\xff"', b"[" * 200_000])
def test_file_with_unreadable_content_is_a_value_error_that_names_it(tmp_path, content):
    path = tmp_path / "bad.json"
    path.write_bytes(content)

    with pytest.raises(ValueError, match=r"bad\.json does not contain JSON"):
        load_json(path)


def test_broken_document_is_not_shown_as_a_missing_file():
    with pytest.raises(ValueError, match="not valid JSON") as caught:
        load_json('{"password": "s3cret"')

    assert "s3cret" not in str(caught.value)


def test_s3_uri_is_never_used_as_a_path():
    with pytest.raises(ValueError, match="not a local path or a file:// URI"):
        load_json("s3://bucket/key")


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("file:///a%20b/c", "/a b/c"),
        ("file://localhost/a", "/a"),
        ("relative/path", "relative/path"),
        ("", "."),
    ],
)
def test_file_uris_are_paths(text, path):
    assert path_from_text(text) == Path(path)


def test_file_uri_of_another_host_is_rejected():
    with pytest.raises(ValueError, match="on the host 'elsewhere'"):
        path_from_text("file://elsewhere/a")


def test_only_objects_are_objects():
    assert as_json_object({"a": 1}) == {"a": 1}
    with pytest.raises(ValueError, match="got NoneType"):
        as_json_object(None)


def test_decimals_are_written_as_text():
    assert json.dumps({"a": Decimal("1.10")}, cls=DecimalEncoder) == '{"a": "1.10"}'
    with pytest.raises(TypeError):
        json.dumps(object(), cls=DecimalEncoder)


def test_stored_documents_are_one_ascii_line_with_sorted_keys():
    assert dump_json_line({"b": "é\n", "a": [1]}) == '{"a": [1], "b": "\\u00e9\\n"}'


def test_numbers_that_json_lacks_are_kept_in_documents():
    assert dump_json_line(load_json("[NaN, Infinity]")) == "[NaN, Infinity]"


@given(documents)
def test_documents_survive_a_round_trip(document):
    line = dump_json_line(document)

    assert load_json(line) == document
    assert line.isascii()
    assert "\n" not in line


@given(st.text(max_size=50))
def test_any_text_is_json_a_file_or_a_value_error(text):
    try:
        load_json(text)
    except ValueError:
        assert not is_json_str(text)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_byte_order_mark_is_skipped(tmp_path, encoding):
    path = tmp_path / "a.json"
    path.write_text('{"a": "é"}', encoding=encoding)

    assert load_json(path) == {"a": "é"}
    assert load_json('\ufeff{"a": 1}') == {"a": 1}


@pytest.mark.parametrize("text", ['{"a": 1, "a": 2}', '[{"b": {"a": 1, "c": 2, "a": 1}}]'])
def test_equal_keys_are_an_error(text):
    with pytest.raises(ValueError, match="has the key 'a' twice in an object"):
        parse_json(text)
    with pytest.raises(ValueError, match="has the key 'a' twice in an object"):
        load_json(text)


def test_pipe_is_an_error_and_does_not_block(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), Path("/dev/full")):
        with pytest.raises(ValueError, match="a device, a pipe or a socket"):
            load_json(path)


def test_pipe_of_the_shell_is_read(tmp_path):
    reader, writer = os.pipe()
    os.write(writer, b'{"a": 1}')
    os.close(writer)
    try:
        assert load_json(f"/dev/fd/{reader}") == {"a": 1}
    finally:
        os.close(reader)


@pytest.mark.parametrize("text", ["password = s3cret", "'s3cret'", "a=s3cret", "s3cret,b"])
def test_text_that_may_be_a_payload_is_not_in_the_message(text):
    with pytest.raises(ValueError, match="the text is neither JSON text nor") as caught:
        load_json(text)

    assert "s3cret" not in str(caught.value)
