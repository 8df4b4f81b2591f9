from __future__ import annotations

import pytest
from aibs_informatics_aws_lambda.common.exceptions import ValidationError
from aibs_informatics_aws_lambda.handlers.demand.execution import (
    DemandExecution,
    DemandResourceRequirements,
)
from aibs_informatics_aws_lambda.handlers.demand.metadata import DemandExecutionMetadata
from hypothesis import given, strategies as st

MINIMAL = {"execution_type": "align", "execution_id": "run-1", "execution_image": "image"}
ARN = "arn:aws:states:us-west-2:123456789012:execution:machine:run"


def test_an_execution_is_written_with_its_defaults():
    assert DemandExecution.from_dict(MINIMAL).to_dict() == {
        **MINIMAL,
        "execution_parameters": {
            "command": [],
            "params": {},
            "inputs": [],
            "outputs": [],
            "outputs_metadata": {},
            "verbosity": False,
        },
        "execution_metadata": {},
        "execution_platform": {},
        "resource_requirements": {},
    }


@pytest.mark.parametrize("field", list(MINIMAL))
def test_an_error_names_the_missing_field(field):
    with pytest.raises(ValidationError, match=field):
        DemandExecution.from_dict({name: MINIMAL[name] for name in MINIMAL if name != field})


@pytest.mark.parametrize(
    "execution_id",
    [
        "",
        ".",
        "..",
        "a/b",
        "/",
        "../a",
        "a\0",
        "a b",
        "*",
        "a?",
        "[a]",
        "a\n",
        "\\x",
        "\u2028",
        "$x",
        "${IN}",
    ],
)
def test_an_id_must_be_a_plain_path_segment(execution_id):
    with pytest.raises(ValidationError, match="execution_id"):
        DemandExecution.from_dict({**MINIMAL, "execution_id": execution_id})


@pytest.mark.parametrize("execution_id", ["run-7b", "a.b_c", "...", "1", "é", "a=b", "-a"])
def test_other_ids_are_accepted(execution_id):
    DemandExecution.from_dict({**MINIMAL, "execution_id": execution_id})


@pytest.mark.parametrize("execution_type", ["", "a b", "a.b", "a/b", "é", "a\n"])
def test_a_type_must_be_valid_in_names_of_batch(execution_type):
    with pytest.raises(ValidationError, match="execution_type"):
        DemandExecution.from_dict({**MINIMAL, "execution_type": execution_type})


@pytest.mark.parametrize(
    ("given_", "written"),
    [
        ({"gpu": 1, "memory": "8", "vcpus": 2.0}, {"gpu": 1, "memory": 8, "vcpus": 2}),
        ({"gpu": 0, "memory": None}, {}),
    ],
)
def test_resources_are_integers_and_zero_is_unset(given_, written):
    assert DemandResourceRequirements.from_dict(given_).to_dict() == written


@pytest.mark.parametrize("amount", [1.5, "1.5", "x", -1, True, []])
def test_other_amounts_are_an_error(amount):
    with pytest.raises(ValidationError, match="memory"):
        DemandResourceRequirements.from_dict({"memory": amount})


@pytest.mark.parametrize(
    ("metadata", "tags"),
    [
        ({"tag": "a,b=c", "tags": {"b": "d"}}, {"a": "a", "b": "d"}),
        ({"tag": 5}, {"5": "5"}),
        ({"tag": ["a", "x=y=z", 3]}, {"a": "a", "x": "y=z", "3": "3"}),
        ({"tag": " a = b "}, {" a ": " b "}),
        ({"tags": {}}, {}),
        ({"tag": None, "tags": {"a": "b"}}, {"a": "b"}),
    ],
)
def test_the_old_tag_is_merged_into_tags(metadata, tags):
    before = {**metadata}

    assert DemandExecutionMetadata.from_dict(metadata).to_dict() == {"tags": tags}
    assert metadata == before


@pytest.mark.parametrize("tag", [1.5, {"a": "b"}, [["a"]]])
def test_an_old_tag_of_another_kind_is_ignored_with_a_warning(tag, caplog):
    assert DemandExecutionMetadata.from_dict({"tag": tag}).to_dict() == {}
    assert "execution_metadata.tag" in caplog.text


@pytest.mark.parametrize("tags", [None, ["a"], "a", {"a": 1}])
@pytest.mark.parametrize("more", [{}, {"tag": "x"}])
def test_tags_must_be_an_object_of_strings(tags, more):
    with pytest.raises(ValidationError, match="tags"):
        DemandExecutionMetadata.from_dict({"tags": tags, **more})


@pytest.mark.parametrize("arn", [ARN, ARN.replace("aws", "aws-us-gov"), f"{ARN}:part"])
def test_the_arn_of_an_execution_is_accepted(arn):
    assert DemandExecutionMetadata.from_dict({"arn": arn}).to_dict() == {"arn": arn}


@pytest.mark.parametrize("arn", ["", "x", ARN.replace("execution", "stateMachine"), f" {ARN}"])
def test_another_arn_is_an_error(arn):
    with pytest.raises(ValidationError, match="arn"):
        DemandExecutionMetadata.from_dict({"arn": arn})


def test_notifications_are_keyed_by_status():
    metadata = {"notify_on": {"FAILED": True}, "notify_list": ["a@b.org"], "user": "marmot"}

    assert DemandExecutionMetadata.from_dict(metadata).to_dict() == metadata
    with pytest.raises(ValidationError, match="notify_on"):
        DemandExecutionMetadata.from_dict({"notify_on": {"OTHER": True}})


@given(st.text())
def test_an_accepted_id_is_one_path_segment(execution_id):
    if DemandExecution.is_valid({**MINIMAL, "execution_id": execution_id}):
        assert execution_id not in ("", ".", "..")
        assert len(execution_id.split()) == 1
        assert not set(execution_id) & set("/\0*?[$")
