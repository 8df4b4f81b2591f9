from __future__ import annotations

import pytest
from aibs_informatics_aws_lambda.handlers.notifications.throttling import retry_throttled
from botocore.exceptions import ClientError

RATE = ("Throttling", "Maximum sending rate exceeded.")
QUOTA = ("Throttling", "Daily message quota exceeded.")


class Service:
    """Raises the given errors, then succeeds."""

    def __init__(self, *errors):
        self.errors = list(errors)
        self.calls = 0

    def send(self):
        self.calls += 1
        if self.errors:
            code, message = self.errors.pop(0)
            raise ClientError({"Error": {"Code": code, "Message": message}}, "SendEmail")
        return {"MessageId": "1"}


@pytest.fixture
def pauses(monkeypatch):
    made = []
    monkeypatch.setattr("time.sleep", made.append)
    return made


@pytest.mark.parametrize("code", ["Throttling", "Throttled", "ThrottlingException"])
def test_a_throttled_call_is_retried_with_growing_pauses(pauses, code):
    service = Service(*[(code, "Rate exceeded")] * 3)

    assert retry_throttled(service.send) == {"MessageId": "1"}
    assert service.calls == 4
    first, second, third = pauses
    assert 0.5 <= first <= 1 <= second <= 2 <= third <= 4


def test_retries_end_after_31_seconds(pauses):
    service = Service(*[RATE] * 100)

    with pytest.raises(ClientError, match="Maximum sending rate"):
        retry_throttled(service.send)

    assert service.calls == 6
    assert sum(pauses) <= 31


@pytest.mark.parametrize("error", [QUOTA, ("MessageRejected", "Email address is not verified.")])
def test_other_errors_are_not_retried(pauses, error):
    service = Service(error)

    with pytest.raises(ClientError, match=error[0]):
        retry_throttled(service.send)

    assert (service.calls, pauses) == (1, [])
