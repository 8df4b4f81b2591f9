from __future__ import annotations

from typing import Any

import pytest
from aibs_informatics_aws_lambda.handlers.batch import registration
from aibs_informatics_aws_lambda.handlers.batch.registration import (
    NewestRevision,
    compare_with_newest,
    register_unless_present,
)
from botocore.exceptions import ClientError

ARN = "arn:aws:batch:us-west-2:123456789012:job-definition/align"
DEFINITION = {
    "jobDefinitionName": "align",
    "type": "container",
    "parameters": {},
    "containerProperties": {"image": "quay.io/a/b:1"},
}


def revision(number: int, **changes: Any) -> dict[str, Any]:
    return {
        **DEFINITION,
        "jobDefinitionArn": f"{ARN}:{number}",
        "revision": number,
        "status": "ACTIVE",
        **changes,
    }


def page(*revisions: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"jobDefinitions": list(revisions), **more}


def expect_conflict(batch, message: str, status: int) -> None:
    batch.add_client_error(
        "register_job_definition", "ClientException", message, http_status_code=status
    )


def expect_registration(batch, number: int) -> None:
    response = {"jobDefinitionName": "align", "jobDefinitionArn": f"{ARN}:{number}"}
    batch.add_response("register_job_definition", {**response, "revision": number}, DEFINITION)


def test_the_highest_revision_is_found_on_any_page(batch):
    question = {"jobDefinitionName": "align", "status": "ACTIVE"}
    other = {"image": "quay.io/a/b:2"}
    first = page(revision(9, containerProperties=other), revision(2), nextToken="n")
    second = page(revision(10), revision(1, containerProperties=other))
    batch.add_response("describe_job_definitions", first, question)
    batch.add_response("describe_job_definitions", second, {**question, "nextToken": "n"})

    assert compare_with_newest(DEFINITION) == NewestRevision(f"{ARN}:10")


def test_an_older_equal_revision_is_not_reused(batch):
    changed = revision(2, containerProperties={"image": "quay.io/a/b:2"})
    batch.add_response("describe_job_definitions", page(revision(1), changed))

    newest = compare_with_newest(DEFINITION)

    assert newest == NewestRevision(f"{ARN}:2", ("image",))
    assert newest.reusable_arn is None


def test_a_revision_from_a_concurrent_caller_is_reused(batch, no_spread):
    batch.add_response("describe_job_definitions", page())
    batch.add_response("describe_job_definitions", page(revision(1)))

    assert register_unless_present(DEFINITION) == f"{ARN}:1"


def test_the_comparison_after_the_delay_finds_a_revision_from_another_caller(batch, monkeypatch):
    pauses: list[float] = []
    monkeypatch.setattr(registration.time, "sleep", pauses.append)
    batch.add_response("describe_job_definitions", page())
    batch.add_response("describe_job_definitions", page(revision(1)))

    assert register_unless_present(DEFINITION) == f"{ARN}:1"
    assert len(pauses) == 1
    assert 0 <= pauses[0] <= 2


def test_few_of_fifty_concurrent_callers_register_a_revision():
    seconds_until_seen = 0.2

    def registrations() -> int:
        pauses = [registration._pause(0) for _ in range(50)]
        return sum(pause < min(pauses) + seconds_until_seen for pause in pauses)

    assert sum(registrations() for _ in range(1000)) / 1000 < 4


@pytest.mark.parametrize(
    ("message", "status"),
    [
        ("Job definition is being changed", 409),
        ("Too Many Requests", 429),
        ("Too many concurrent attempts to create a new revision", 400),
    ],
)
def test_a_conflict_is_retried(batch, no_spread, message, status):
    batch.add_response("describe_job_definitions", page())
    batch.add_response("describe_job_definitions", page())
    batch.add_client_error(
        "register_job_definition", "ClientException", message, http_status_code=status
    )
    batch.add_response("describe_job_definitions", page())
    expect_registration(batch, 3)

    assert register_unless_present(DEFINITION) == f"{ARN}:3"


def test_a_lasting_conflict_is_raised(batch, no_spread):
    batch.add_response("describe_job_definitions", page())
    for _ in range(4):
        batch.add_response("describe_job_definitions", page())
        batch.add_client_error(
            "register_job_definition", "ClientException", "busy", http_status_code=409
        )

    with pytest.raises(ClientError, match="busy"):
        register_unless_present(DEFINITION)


@pytest.mark.parametrize(
    ("code", "status"), [("AccessDeniedException", 403), ("ClientException", 400)]
)
def test_a_rejected_definition_is_not_retried(batch, no_spread, code, status):
    batch.add_response("describe_job_definitions", page())
    batch.add_response("describe_job_definitions", page())
    batch.add_client_error("register_job_definition", code, "no", http_status_code=status)

    with pytest.raises(ClientError, match=code):
        register_unless_present(DEFINITION)


def test_denied_access_is_not_retried(batch):
    batch.add_client_error(
        "describe_job_definitions", "AccessDeniedException", "no", http_status_code=403
    )

    with pytest.raises(ClientError, match="AccessDeniedException"):
        compare_with_newest(DEFINITION)
