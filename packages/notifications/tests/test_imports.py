from __future__ import annotations

import pytest

HEAVY = {
    "awscrt",
    "boto3",
    "botocore",
    "email.message",
    "html.parser",
    "jinja2",
    "requests",
    "yaml",
}
POWERTOOLS = "aws_lambda_powertools"


@pytest.mark.parametrize("module", ["", ".router", ".ses", ".sns", ".notifiers.ses"])
def test_importing_a_module_loads_nothing_that_it_may_never_need(modules_loaded_by, module):
    loaded = modules_loaded_by(f"aibs_informatics_aws_lambda.handlers.notifications{module}")

    assert not loaded & HEAVY
    assert not loaded & {
        f"{POWERTOOLS}.event_handler",
        f"{POWERTOOLS}.utilities.batch",
        f"{POWERTOOLS}.utilities.idempotency",
        f"{POWERTOOLS}.utilities.parser",
    }
