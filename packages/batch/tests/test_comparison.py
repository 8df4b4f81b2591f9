from __future__ import annotations

import copy
import random
from typing import Any

import pytest
from aibs_informatics_aws_lambda.handlers.batch.comparison import find_differences
from hypothesis import given, strategies as st

WANTED: dict[str, Any] = {
    "jobDefinitionName": "align",
    "type": "container",
    "parameters": {},
    "containerProperties": {
        "image": "quay.io/biocontainers/samtools:1.17",
        "command": ["samtools", "sort"],
        "environment": [{"name": "A", "value": "1"}, {"name": "EMPTY", "value": ""}],
        "resourceRequirements": [
            {"type": "MEMORY", "value": "2048"},
            {"type": "VCPU", "value": "2"},
        ],
        "mountPoints": [
            {"containerPath": "/opt/efs/scratch", "readOnly": False, "sourceVolume": "scratch"},
            {"containerPath": "/opt/efs/shared", "readOnly": True, "sourceVolume": "shared"},
        ],
        "volumes": [
            {
                "name": "scratch",
                "efsVolumeConfiguration": {
                    "fileSystemId": "fs-12345678",
                    "rootDirectory": "/",
                    "transitEncryption": "ENABLED",
                    "authorizationConfig": {"accessPointId": "fsap-12345678", "iam": "DISABLED"},
                },
            },
            {"name": "shared", "efsVolumeConfiguration": {"fileSystemId": "fs-12345678"}},
        ],
        "privileged": False,
    },
    "retryStrategy": {
        "attempts": 5,
        "evaluateOnExit": [
            {"action": "RETRY", "onStatusReason": "Host EC2*"},
            {"action": "EXIT", "onStatusReason": "*"},
        ],
    },
    "tags": {},
    "propagateTags": False,
}

# WANTED as DescribeJobDefinitions returns it.
REPORTED: dict[str, Any] = {
    "jobDefinitionName": "align",
    "jobDefinitionArn": "arn:aws:batch:us-west-2:123456789012:job-definition/align:7",
    "revision": 7,
    "status": "ACTIVE",
    "type": "container",
    "schedulingPriority": None,
    "parameters": {},
    "containerProperties": {
        "image": "quay.io/biocontainers/samtools:1.17",
        "vcpus": None,
        "memory": None,
        "command": ["samtools", "sort"],
        "jobRoleArn": None,
        "executionRoleArn": None,
        "volumes": [
            {
                "host": None,
                "name": "shared",
                "efsVolumeConfiguration": {"fileSystemId": "fs-12345678", "rootDirectory": "/"},
            },
            {
                "host": None,
                "name": "scratch",
                "efsVolumeConfiguration": {
                    "fileSystemId": "fs-12345678",
                    "rootDirectory": "/",
                    "transitEncryption": "ENABLED",
                    "transitEncryptionPort": None,
                    "authorizationConfig": {"accessPointId": "fsap-12345678", "iam": "DISABLED"},
                },
            },
        ],
        "environment": [{"name": "A", "value": "1"}],
        "mountPoints": [
            {"containerPath": "/opt/efs/shared", "readOnly": True, "sourceVolume": "shared"},
            {"containerPath": "/opt/efs/scratch", "sourceVolume": "scratch"},
        ],
        "readonlyRootFilesystem": None,
        "privileged": None,
        "ulimits": [],
        "user": None,
        "resourceRequirements": [
            {"value": "2", "type": "VCPU"},
            {"value": "2048", "type": "MEMORY"},
        ],
        "linuxParameters": None,
        "logConfiguration": None,
        "secrets": [],
    },
    "retryStrategy": {
        "attempts": 5,
        "evaluateOnExit": [
            {
                "onStatusReason": "Host EC2*",
                "onReason": None,
                "onExitCode": None,
                "action": "retry",
            },
            {"onStatusReason": "*", "onReason": None, "onExitCode": None, "action": "exit"},
        ],
    },
    "timeout": None,
    "nodeProperties": None,
    "tags": {},
    "propagateTags": None,
    "platformCapabilities": ["EC2"],
    "eksProperties": None,
    "containerOrchestrationType": "ECS",
}


def changed(definition: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Return a definition with another value at a path of keys and indexes."""
    result = copy.deepcopy(definition)
    parent: Any = result
    *parents, last = path.split(".")
    for part in parents:
        parent = parent[int(part)] if isinstance(parent, list) else parent[part]
    parent[int(last) if isinstance(parent, list) else last] = value
    return result


def test_a_definition_equals_what_batch_returns_for_it():
    assert find_differences(WANTED, REPORTED) == []


@pytest.mark.parametrize(
    ("path", "value", "difference"),
    [
        ("type", "multinode", "type"),
        ("parameters", {"input": "a"}, "parameters"),
        ("tags", {"USER": "marmot"}, "tags"),
        ("propagateTags", True, "propagateTags"),
        ("timeout", {"attemptDurationSeconds": 60}, "timeout"),
        ("schedulingPriority", 5, "schedulingPriority"),
        ("platformCapabilities", ["FARGATE"], "platformCapabilities"),
        ("retryStrategy.attempts", 4, "retryStrategy"),
        ("retryStrategy.evaluateOnExit.0.action", "exit", "retryStrategy"),
        ("retryStrategy.evaluateOnExit.0.onStatusReason", "host ec2*", "retryStrategy"),
        ("containerProperties.image", "quay.io/biocontainers/samtools:1.18", "image"),
        ("containerProperties.command", ["sort", "samtools"], "command"),
        ("containerProperties.jobRoleArn", "arn:aws:iam::123456789012:role/a", "jobRoleArn"),
        ("containerProperties.executionRoleArn", "arn:aws:iam::1:role/b", "executionRoleArn"),
        ("containerProperties.privileged", True, "privileged"),
        ("containerProperties.mountPoints", [], "mountPoints"),
        ("containerProperties.mountPoints.0.readOnly", False, "mountPoints"),
        ("containerProperties.mountPoints.1.containerPath", "/other", "mountPoints"),
        ("containerProperties.volumes", None, "volumes"),
        ("containerProperties.volumes.1.efsVolumeConfiguration.fileSystemId", "fs-1", "volumes"),
        ("containerProperties.volumes.0.host", {"sourcePath": "/tmp"}, "volumes"),
        ("containerProperties.environment.0.name", "B", "environment"),
        ("containerProperties.environment", [], "environment"),
        ("containerProperties.resourceRequirements.0.type", "GPU", "resourceRequirements"),
        ("containerProperties.resourceRequirements", None, "resourceRequirements"),
        ("containerProperties.secrets", [{"name": "A", "valueFrom": "arn"}], "secrets"),
        ("containerProperties.user", "root", "user"),
        ("containerProperties.ulimits", [{"name": "nofile"}], "ulimits"),
        ("containerProperties.linuxParameters", {"maxSwap": 0}, "linuxParameters"),
    ],
)
def test_fields_that_change_how_a_job_runs_are_differences(path, value, difference):
    assert find_differences(WANTED, changed(REPORTED, path, value)) == [difference]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("containerProperties.environment.0.value", "2"),
        ("containerProperties.resourceRequirements.0.value", "16"),
        ("containerProperties.fargatePlatformConfiguration", {"platformVersion": "LATEST"}),
        ("containerProperties.networkConfiguration", {"assignPublicIp": "DISABLED"}),
        ("containerProperties.linuxParameters", {"devices": [], "tmpfs": []}),
        ("containerProperties.logConfiguration", {"options": {}, "secretOptions": []}),
        ("platformCapabilities", []),
        ("schedulingPriority", 0),
        ("tags", None),
        ("parameters", None),
    ],
)
def test_overridden_values_and_defaults_are_no_differences(path, value):
    assert find_differences(WANTED, changed(REPORTED, path, value)) == []


def multi_node(environment: str = "1", image: str = "a") -> dict[str, Any]:
    container = {"image": image, "environment": [{"name": "A", "value": environment}]}
    nodes = {"targetNodes": "0:", "container": container}
    properties = {"numNodes": 2, "mainNode": 0, "nodeRangeProperties": [nodes]}
    return {"type": "multinode", "nodeProperties": properties}


def test_containers_of_nodes_are_compared_like_single_containers():
    assert find_differences(multi_node(), multi_node(environment="2")) == []
    assert find_differences(multi_node(), multi_node(image="b")) == ["nodeProperties"]


def test_a_definition_without_a_container_differs():
    eks = {**REPORTED, "containerProperties": None, "eksProperties": {"podProperties": {"a": 1}}}

    differences = find_differences(WANTED, eks)

    assert {"eksProperties", "image", "environment"} <= set(differences)


def test_tags_with_the_name_of_a_batch_field_are_compared():
    tagged = {**REPORTED, "tags": {"iam": "DISABLED"}}

    assert find_differences(WANTED, tagged) == ["tags"]


def shuffled(value: Any, choice: random.Random, key: str = "") -> Any:
    """Return a definition with keys, and lists that are sets, in another order."""
    if isinstance(value, dict):
        pairs = [(name, shuffled(item, choice, name)) for name, item in value.items()]
        return dict(choice.sample(pairs, len(pairs)))
    if isinstance(value, list):
        items = [shuffled(item, choice) for item in value]
        ordered = key in ("command", "evaluateOnExit")
        return items if ordered else choice.sample(items, len(items))
    return value


@given(st.randoms(use_true_random=False))
def test_the_order_of_keys_and_sets_is_no_difference(choice):
    assert find_differences(WANTED, shuffled(REPORTED, choice)) == []


def test_comparing_changes_neither_definition():
    wanted, reported = copy.deepcopy(WANTED), copy.deepcopy(REPORTED)
    find_differences(wanted, reported)

    assert (wanted, reported) == (WANTED, REPORTED)
