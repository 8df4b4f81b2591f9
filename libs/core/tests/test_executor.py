from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.common.exceptions import ValidationError
from aibs_informatics_aws_lambda.common.executor import BaseExecutor, run_cli_executor
from aibs_informatics_aws_lambda.common.json_io import load_json
from aibs_informatics_aws_lambda.common.model import PydanticBaseModel
from aibs_informatics_aws_lambda.common.s3 import S3Path


class CountRequest(PydanticBaseModel):
    count: int


class CountResponse(PydanticBaseModel):
    count: int
    user_note: str | None = None


@dataclass
class Counter(BaseExecutor[CountRequest, CountResponse]):
    step: int = 1

    def handle(self, request):
        return CountResponse(count=request.count + self.step) if request.count < 99 else None


class InS3(Counter):
    """Keeps what would be in S3 in memory."""

    stored = {"s3://bucket/in": {"count": 1}}  # noqa: RUF012

    @classmethod
    def load_input__remote(cls, remote_path):
        return cls.stored[remote_path]

    @classmethod
    def write_output__remote(cls, output, remote_path):
        cls.stored[remote_path] = output


def test_request_is_handled_and_the_response_returned():
    assert Counter.run_executor({"count": 1}) == {"count": 2}
    assert Counter.run_executor(CountRequest(count=1), step=10) == {"count": 11}
    assert Counter.run_executor({"count": 99}) is None


def test_executor_without_handle_says_so():
    with pytest.raises(NotImplementedError, match="BaseExecutor"):
        BaseExecutor().handle(request=None)


def test_request_is_returned_as_it_is_and_other_forms_are_read():
    request = CountRequest(count=1)

    assert Counter.deserialize_request(request) is request
    assert Counter.deserialize_request({"count": 1}) == request
    assert Counter.deserialize_request('{"count": 1}') == request


def test_request_that_does_not_fit_is_a_validation_error_that_names_the_field():
    with pytest.raises(ValidationError, match="count"):
        Counter.deserialize_request({"counts": 1})


def test_input_that_a_hook_makes_no_object_of_is_rejected():
    class Odd(Counter):
        @classmethod
        def load_input__file(cls, path):
            return [1]

    with pytest.raises(ValueError, match="Odd expects a JSON object, got list"):
        Odd.deserialize_request("some/path")


def test_responses_are_written_without_nulls():
    assert Counter.serialize_response(CountResponse(count=1)) == {"count": 1}


def test_response_that_is_not_a_model_is_named():
    class Careless(Counter):
        def handle(self, request):
            return {"count": 1}

    with pytest.raises(
        TypeError, match=r"Careless\.handle returned dict, expected CountResponse or None"
    ):
        Careless.run_executor({"count": 1})


def test_object_is_read_from_text_and_files(tmp_path):
    path = tmp_path / "in.json"
    path.write_text('{"count": 1}')
    event = {"count": 1}

    assert Counter.load_input(event) is event
    for given in ('{"count": 1}', str(path), path, path.as_uri()):
        assert Counter.load_input(given) == event


@pytest.mark.parametrize("given", ["5", "[1]", "null", "{", "", ".", "none.json", "s3://x/y"])
def test_text_that_leads_to_no_object_is_a_value_error(given):
    with pytest.raises(ValueError, match=r"\w"):
        Counter.load_input(given)


@pytest.mark.parametrize("path", [Path("none.json"), Path("/")])
def test_missing_file_and_directory_are_named(path):
    with pytest.raises(ValueError, match=f"'{path}'"):
        Counter.load_input__file(path)


@pytest.mark.parametrize("given", [[1], None, 5, 1.5, True, b"{}"])
def test_other_types_are_named(given):
    with pytest.raises(ValueError, match=f"got {type(given).__name__}"):
        Counter.load_input(given)


@pytest.mark.parametrize("uri", ["s3://bucket/in", S3Path("s3://bucket/in")])
def test_s3_is_left_to_subclasses(uri):
    assert InS3.load_input(uri) == {"count": 1}
    InS3.write_output({"a": 1}, uri + "-copy")
    assert InS3.stored["s3://bucket/in-copy"] == {"a": 1}
    with pytest.raises(NotImplementedError, match="Counter does not read from S3"):
        Counter.load_input(uri)
    with pytest.raises(NotImplementedError, match="Counter does not write to S3"):
        Counter.write_output({}, uri)


def test_file_hook_reads_paths_given_as_text():
    class Special(Counter):
        @classmethod
        def load_input__file(cls, path):
            return {"count": len(str(path))}

    assert Special.load_input("a/b") == {"count": 3}


def test_output_is_one_line_with_sorted_keys_in_folders_that_are_made(tmp_path):
    path = tmp_path / "missing" / "folders" / "out.json"

    Counter.write_output({"b": 1, "a": "é"}, path)

    assert path.read_text() == '{"a": "\\u00e9", "b": 1}'


def test_bare_file_name_is_in_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    Counter.write_output({"a": 1}, "out.json")
    Counter.write_output({"a": 2}, (tmp_path / "other.json").as_uri())

    assert load_json(tmp_path / "out.json") == {"a": 1}
    assert load_json(tmp_path / "other.json") == {"a": 2}


@pytest.mark.parametrize("where", ["", ".", "file/below.json", "s3://x/y"])
def test_output_that_can_be_nowhere_is_a_value_error(tmp_path, monkeypatch, where):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")

    with pytest.raises(ValueError, match=r"cannot write|is not an S3 URI"):
        Counter.write_output({}, where)


def test_run_writes_its_response(tmp_path):
    path = tmp_path / "out.json"

    assert Counter.run_executor({"count": 1}, path) == {"count": 2}
    assert load_json(path) == {"count": 2}


def test_run_without_a_response_writes_an_empty_object_and_says_so(tmp_path, capsys):
    path = tmp_path / "out.json"

    assert Counter.run_executor({"count": 99}, str(path)) is None

    assert path.read_text() == "{}"
    line = json.loads(capsys.readouterr().out)
    assert line["level"] == "WARNING"
    assert line["message"] == f"Counter returned no response: writing {{}} to {path}"


class Measurement(PydanticBaseModel):
    values: list[float]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_response_that_is_not_json_is_not_written(tmp_path, value):
    class Measure(BaseExecutor[CountRequest, Measurement]):
        def handle(self, request):
            return Measurement(values=[1.0, value])

    with pytest.raises(ValidationError, match=r"values\[1\]: .* is not a JSON number"):
        Measure.run_executor({"count": 1}, tmp_path / "out.json")
    assert not (tmp_path / "out.json").exists()


def test_output_location_is_checked_before_the_work_is_done(tmp_path):
    class Careful(Counter):
        def handle(self, request):
            pytest.fail("the work was done")

    with pytest.raises(ValueError, match="it is a directory"):
        Careful.run_executor({"count": 1}, tmp_path)


def test_executor_is_named_after_its_class():
    assert Counter.get_executor_name() == "Counter"
    assert Counter.build_from_env(step=3) == Counter(step=3)


def test_mixins_take_part_in_the_construction():
    class Mixin:
        def __post_init__(self):
            self.mixed = True
            super().__post_init__()

    class After:
        def __post_init__(self):
            self.after = True

    class Mixed(Mixin, Counter, After):
        pass

    assert (Mixed().mixed, Mixed().after) == (True, True)


PROGRAM = (
    "from pathlib import Path\nfrom aibs_informatics_aws_lambda.common.executor import *\n"
    + (
        "from aibs_informatics_aws_lambda.common.model import PydanticBaseModel\n"
        "class Count(PydanticBaseModel):\n    count: int\n"
        "class Counter(BaseExecutor[Count, Count]):\n"
        "    def handle(self, request):\n        return Count(count=request.count + 1)\n"
        "other = 5\n"
    )
)


@pytest.fixture
def program(tmp_path, monkeypatch):
    (tmp_path / "executor_program.py").write_text(PROGRAM)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


@pytest.mark.parametrize("request_option", ["--input", "--request", "-i"])
@pytest.mark.parametrize("output_option", ["--output-location", "--response-location", "-o"])
def test_command_line_of_executors(program, request_option, output_option):
    path = program / "out.json"
    arguments = ["--executor", "executor_program.Counter", request_option, '{"count": 1}']

    run_cli_executor([*arguments, output_option, str(path)])

    assert load_json(path) == {"count": 2}


@pytest.mark.parametrize("name", ["executor_program.Count", "executor_program.other", "nodot"])
def test_command_line_takes_executors_only(program, name):
    with pytest.raises(ValueError, match=name):
        run_cli_executor(["--executor", name, "--input", "{}"])


@pytest.mark.parametrize("arguments", [[], ["--executor", "a.b"], ["--input", "{}"]])
def test_executor_and_request_are_required(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        run_cli_executor(arguments)

    assert caught.value.code == 2
    assert "required" in capsys.readouterr().err


def test_a_model_of_another_class_is_read_by_its_dict():
    class Other(PydanticBaseModel):
        count: int
        more: str = "x"

    assert Counter.run_executor(Other(count=1)) == {"count": 2}
