from __future__ import annotations

from aibs_informatics_aws_lambda.common.env import EnvBase
from aibs_informatics_aws_lambda.handlers.batch.job_definition import (
    build_job_definition,
    to_environment_list,
    to_job_environment,
)
from aibs_informatics_aws_lambda.handlers.batch.model import CreateDefinitionAndPrepareArgsRequest
from aibs_informatics_aws_lambda.handlers.batch.retry_strategy import default_retry_strategy

IMAGE = "quay.io/a/b:1"


def build(**changes):
    request = CreateDefinitionAndPrepareArgsRequest(
        image=IMAGE, job_definition_name="align", job_queue_name="queue", **changes
    )
    return build_job_definition(request, IMAGE, request.environment)


def test_env_base_and_region_take_precedence_over_the_request():
    given = {"ENV_BASE": "prod", "AWS_REGION": "eu-west-1", "A": "1"}

    assert to_job_environment(given, EnvBase("dev-alice"), "us-west-2") == {
        "A": "1",
        "ENV_BASE": "dev-alice",
        "AWS_REGION": "us-west-2",
    }
    assert given["ENV_BASE"] == "prod"


def test_variables_are_listed_by_name_without_nulls():
    assert to_environment_list({"B": "2", "NONE": None, "A": ""}) == [
        {"name": "A", "value": ""},
        {"name": "B", "value": "2"},
    ]


def test_a_minimal_definition_has_no_optional_fields():
    assert build() == {
        "jobDefinitionName": "align",
        "type": "container",
        "parameters": {},
        "containerProperties": {
            "image": IMAGE,
            "command": [],
            "environment": [],
            "resourceRequirements": [],
            "mountPoints": [],
            "volumes": [],
            "privileged": False,
        },
        "retryStrategy": default_retry_strategy(),
        "tags": {},
        "propagateTags": False,
    }


def test_optional_fields_have_the_names_of_the_batch_api():
    log_configuration = {"logDriver": "awslogs"}
    secrets = [{"name": "TOKEN", "valueFrom": "arn:aws:ssm:us-west-2:123456789012:parameter/t"}]
    definition = build(
        job_role_arn="role",
        timeout_seconds=60,
        ephemeral_storage_gib=21,
        platform_capabilities=["FARGATE"],
        execution_role_arn="execution-role",
        log_configuration=log_configuration,
        secrets=secrets,
        linux_parameters={"initProcessEnabled": True},
        scheduling_priority=0,
        retry_presets=["spot"],
    )

    assert definition["timeout"] == {"attemptDurationSeconds": 60}
    assert definition["platformCapabilities"] == ["FARGATE"]
    assert definition["schedulingPriority"] == 0
    assert definition["retryStrategy"]["evaluateOnExit"][0]["onStatusReason"] == "Host EC2*"
    container = definition["containerProperties"]
    assert container["jobRoleArn"] == "role"
    assert container["executionRoleArn"] == "execution-role"
    assert container["ephemeralStorage"] == {"sizeInGiB": 21}
    assert container["logConfiguration"] == log_configuration
    assert container["secrets"] == secrets
    assert container["linuxParameters"] == {"initProcessEnabled": True}


def test_fields_of_fargate_and_ulimits_have_the_names_of_the_batch_api():
    container = build(
        network_configuration={"assignPublicIp": "ENABLED"},
        runtime_platform={"cpuArchitecture": "ARM64"},
        fargate_platform_configuration={"platformVersion": "LATEST"},
        ulimits=[{"name": "nofile", "softLimit": 1, "hardLimit": 2}],
    )["containerProperties"]

    assert container["networkConfiguration"] == {"assignPublicIp": "ENABLED"}
    assert container["runtimePlatform"] == {"cpuArchitecture": "ARM64"}
    assert container["fargatePlatformConfiguration"] == {"platformVersion": "LATEST"}
    assert container["ulimits"] == [{"name": "nofile", "softLimit": 1, "hardLimit": 2}]


def test_all_nodes_of_a_multi_node_job_run_the_same_container():
    single, multi = build(), build(num_nodes=3)

    assert multi["type"] == "multinode"
    assert "containerProperties" not in multi
    assert multi["nodeProperties"] == {
        "numNodes": 3,
        "mainNode": 0,
        "nodeRangeProperties": [{"targetNodes": "0:", "container": single["containerProperties"]}],
    }
