from __future__ import annotations

import pytest
from aibs_informatics_aws_lambda.common.models import deserialize_handler, serialize_handler
from aibs_informatics_aws_lambda.handlers import notifications

PACKAGE = "aibs_informatics_aws_lambda.handlers.notifications"
HANDLER = "notification_router_handler"


@pytest.mark.parametrize(
    "modules", [PACKAGE, f"{PACKAGE}.router", f"{PACKAGE}; from {PACKAGE} import {HANDLER}"]
)
def test_cold_start_loads_nothing_heavy(heavy_modules_loaded_by, modules):
    assert heavy_modules_loaded_by(modules) == []


def test_cold_start_leaves_email_and_idempotency_alone(modules_loaded_by):
    loaded = modules_loaded_by(f"{PACKAGE}; from {PACKAGE} import {HANDLER}")

    assert f"{PACKAGE}.router" in loaded
    assert not loaded.intersection(
        {"email.mime.text", "html.parser", "aws_lambda_powertools.utilities.idempotency"}
    )


def test_importing_the_package_loads_none_of_its_modules(modules_loaded_by):
    assert [name for name in modules_loaded_by(PACKAGE) if name.startswith(f"{PACKAGE}.")] == []


def test_every_public_name_is_available_from_the_package():
    public = [name for name in dir(notifications) if name[0].isupper() and name != "TYPE_CHECKING"]

    assert "NotificationRouter" in public
    assert all(getattr(notifications, name) for name in public)


def test_the_handler_is_created_once_and_found_by_its_name():
    handler = notifications.notification_router_handler

    assert notifications.notification_router_handler is handler
    assert deserialize_handler(serialize_handler(handler)) is handler
    assert deserialize_handler(f"{PACKAGE}.{HANDLER}") is handler


def test_unknown_name_is_not_an_attribute():
    with pytest.raises(AttributeError, match="no attribute 'router_handler'"):
        notifications.router_handler  # noqa: B018
