from __future__ import annotations

import copy

import pytest
from aibs_informatics_aws_lambda.common.exceptions import ValidationError
from aibs_informatics_aws_lambda.handlers.batch.model import (
    CreateDefinitionAndPrepareArgsRequest,
    DeregisterUnusedDefinitionsRequest,
)

MINIMAL = {"image": "a:1", "job_definition_name": "align", "job_queue_name": "queue"}


def parse(**changes):
    return CreateDefinitionAndPrepareArgsRequest.from_dict({**MINIMAL, **changes})


def test_unset_optional_fields_are_not_written():
    assert parse().to_dict() == {
        **MINIMAL,
        "command": [],
        "environment": {},
        "job_definition_tags": {},
        "resource_requirements": [],
        "mount_points": [],
        "volumes": [],
        "privileged": False,
    }


def test_every_field_is_read_in_camel_case():
    request = CreateDefinitionAndPrepareArgsRequest.from_dict(
        {"image": "a", "jobDefinitionName": "b", "jobQueueName": "c", "mountPoints": [{"x": None}]}
    )

    assert request.job_definition_name == "b"
    assert request.job_queue_name == "c"
    assert request.mount_points == [{"x": None}]


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        (
            {"GPU": 1, "MEMORY": 2048, "VCPU": "2"},
            [("GPU", "1"), ("MEMORY", "2048"), ("VCPU", "2")],
        ),
        ({"vcpu": 2, "gpu": None, "disk": 7}, [("VCPU", "2")]),
        ({"GPU": 0}, [("GPU", "0")]),
        ({"VCPU": 0.25}, [("VCPU", "0.25")]),
        ({"VCPU": "0.5"}, [("VCPU", "0.5")]),
        ({"VCPU": 4.0}, [("VCPU", "4")]),
        ({}, []),
    ],
)
def test_the_short_form_of_resources_becomes_a_list(resources, expected):
    request = parse(resource_requirements=resources)

    assert request.resource_requirements == [
        {"type": kind, "value": value} for kind, value in expected
    ]


def test_a_list_of_resources_is_sorted_by_type():
    vcpu = {"type": "VCPU", "value": "2", "more": None}
    gpu = {"type": "GPU"}

    assert parse(resource_requirements=[vcpu, gpu]).resource_requirements == [gpu, vcpu]


def test_schema_shows_both_forms_of_resources():
    schema = CreateDefinitionAndPrepareArgsRequest.model_json_schema(by_alias=False)
    forms = schema["properties"]["resource_requirements"]["anyOf"]

    assert forms[0]["type"] == "array"
    assert set(schema["$defs"]["ResourceRequirements"]["properties"]) == {"gpu", "memory", "vcpu"}
    assert forms[1] == {"$ref": "#/$defs/ResourceRequirements"}


@pytest.mark.parametrize("field", sorted(MINIMAL))
def test_an_error_names_the_missing_field(field):
    event = {name: value for name, value in MINIMAL.items() if name != field}

    with pytest.raises(ValidationError, match=field):
        CreateDefinitionAndPrepareArgsRequest.from_dict(event)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("command", None),
        ("command", ["sleep", 5]),
        ("environment", None),
        ("environment", {"A": 1}),
        ("environment", {"A": None}),
        ("array_size", 1),
        ("depends_on", [{}] * 21),
        ("ephemeral_storage_gib", 20),
        ("image", 5),
        ("job_definition_name", ""),
        ("job_definition_name", "a" * 129),
        ("job_definition_name", "a/b"),
        ("job_definition_name", "a\n"),
        ("job_definition_tags", {"USER": 1}),
        ("job_name", "two words"),
        ("job_name", "-align"),
        ("job_name", "_align"),
        ("job_queue_name", None),
        ("mount_points", None),
        ("mount_points", ["a"]),
        ("platform_capabilities", ["EKS"]),
        ("resource_requirements", None),
        ("resource_requirements", {"GPU": 0.5}),
        ("resource_requirements", {"GPU": True}),
        ("resource_requirements", {"MEMORY": -1}),
        ("num_nodes", 0),
        ("resource_requirements", {"VCPU": "two"}),
        ("resource_requirements", {"VCPU": 0.3}),
        ("resource_requirements", {"VCPU": 1.5}),
        ("resource_requirements", {"VCPU": "NaN"}),
        ("retry_presets", ["always"]),
        ("retry_strategy", []),
        ("scheduling_priority", 10_000),
        ("share_identifier", "a-b"),
        ("timeout_seconds", 59),
        ("volumes", None),
    ],
)
def test_an_error_names_the_invalid_field(field, value):
    with pytest.raises(ValidationError, match=field):
        parse(**{field: value})


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"num_nodes": 2, "array_size": 2}, "num_nodes and array_size are both set"),
        (
            {"num_nodes": 2, "platform_capabilities": ["FARGATE"]},
            "multi-node jobs require EC2",
        ),
    ],
)
def test_contradicting_fields_are_an_error(fields, message):
    with pytest.raises(ValidationError, match=message):
        parse(**fields)


def test_an_empty_queue_name_is_an_error():
    with pytest.raises(ValidationError, match="job_queue_name must be provided"):
        parse(job_queue_name="")


@pytest.mark.parametrize("resource", [{"value": "1"}, {"type": None}, {"type": 5}])
def test_a_resource_without_a_type_is_an_error_with_its_index(resource):
    with pytest.raises(ValidationError, match="entry 1 has no type"):
        parse(resource_requirements=[{"type": "VCPU", "value": "1"}, resource])


def test_empty_names_mean_null():
    request = parse(job_name="", job_role_arn="", execution_role_arn="")

    assert request.job_name is request.job_role_arn is request.execution_role_arn is None


def test_too_many_retry_rules_are_refused():
    own = {"evaluateOnExit": [{"action": "RETRY", "onExitCode": str(code)} for code in range(4)]}

    assert parse(retry_strategy=own, retry_presets=["spot", "spot"]).retry_presets
    with pytest.raises(ValidationError, match="6 rules"):
        parse(retry_strategy=own, retry_presets=["spot", "image_pull"])


@pytest.mark.parametrize("rules", ["RETRY", 5, ["RETRY"], [None]])
def test_presets_need_a_list_of_rules(rules):
    with pytest.raises(ValidationError, match="evaluateOnExit"):
        parse(retry_strategy={"evaluateOnExit": rules}, retry_presets=["spot"])


def test_errors_do_not_show_values():
    with pytest.raises(ValidationError) as caught:
        parse(environment={"PASSWORD": ["secret words"]})
    assert "secret" not in str(caught.value)


def test_the_event_of_the_caller_is_not_changed():
    event = {**MINIMAL, "resource_requirements": {"GPU": 1}, "environment": {"A": "1"}}
    before = copy.deepcopy(event)
    CreateDefinitionAndPrepareArgsRequest.from_dict(event)

    assert event == before


@pytest.mark.parametrize("prefix", ["", "*", "a b"])
def test_the_prefix_cannot_be_empty(prefix):
    with pytest.raises(ValidationError, match="job_definition_name_prefix"):
        DeregisterUnusedDefinitionsRequest.from_dict({"job_definition_name_prefix": prefix})


@pytest.mark.parametrize("field", ["keep", "limit"])
def test_numbers_below_one_are_refused(field):
    with pytest.raises(ValidationError, match=field):
        DeregisterUnusedDefinitionsRequest.from_dict({"job_definition_name_prefix": "a", field: 0})
