import pytest


@pytest.mark.parametrize("module", ["notifications", "notifications.router"])
def test_cold_start_loads_nothing_heavy(heavy_modules_loaded_by, module):
    assert heavy_modules_loaded_by(f"aibs_informatics_aws_lambda.handlers.{module}") == []


def test_cold_start_leaves_email_and_idempotency_alone(modules_loaded_by):
    loaded = modules_loaded_by("aibs_informatics_aws_lambda.handlers.notifications")

    assert not loaded.intersection(
        {"email.mime.text", "html.parser", "aws_lambda_powertools.utilities.idempotency"}
    )
