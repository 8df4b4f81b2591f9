"""Targets that are reached by webhooks: Slack, Microsoft Teams and HTTPS endpoints."""

import hashlib
from typing import Annotated, Self

from pydantic import Field

from .targets import NotifierTarget

# Of a secret in Secrets Manager, optionally with the key of a value in it, or of a parameter in
# the Parameter Store of Systems Manager.
_VALUE_ARN = (
    r"arn:aws[a-z-]*:(secretsmanager:[a-z0-9-]+:\d{12}:secret:[\w/+=.@-]+(#[^#\s]+)?"
    r"|ssm:[a-z0-9-]+:\d{12}:parameter/[\w./-]+)"
)
WEBHOOK_PRIVATE_HOSTS_ENV_VAR = "WEBHOOK_PRIVATE_HOSTS"

_URL = r"https?://[!-~]+"
_Webhook = Annotated[
    str,
    Field(
        pattern=f"^({_URL}|{_VALUE_ARN})$",
        description="URL of the webhook, or ARN of the secret or SSM parameter that contains it",
    ),
]


def _host_of(webhook: str) -> str:
    """Return the host of a URL, or the ARN of a secret; the path of a URL may be secret."""
    return webhook.split("/")[2].rpartition("@")[2] if webhook.startswith("http") else webhook


class SlackTarget(NotifierTarget):
    """A Slack channel, by its incoming webhook."""

    slack_webhook: _Webhook

    @property
    def summary(self) -> str:
        """Host of the webhook, or ARN of its secret."""
        return f"Slack, {_host_of(self.slack_webhook)}"


class TeamsTarget(NotifierTarget):
    """A Microsoft Teams channel or chat, by the webhook of a workflow."""

    teams_webhook: _Webhook

    @property
    def summary(self) -> str:
        """Host of the webhook, or ARN of its secret."""
        return f"Teams, {_host_of(self.teams_webhook)}"


class WebhookTarget(NotifierTarget):
    """An HTTPS endpoint that receives the message as JSON."""

    webhook: _Webhook = Field(
        description="URL of the endpoint, or ARN of the secret or SSM parameter that contains it"
    )
    signing_secret: Annotated[str, Field(pattern=f"^{_VALUE_ARN}$")] | None = Field(
        default=None,
        description="ARN of the secret or SSM parameter with the key that signs requests "
        "(https://www.standardwebhooks.com)",
    )
    message_id: str | None = Field(
        default=None,
        pattern=r"^[\w-]{1,128}$",
        description="value of the header webhook-id, by which the endpoint can deduplicate "
        "messages; default: unique for each message",
    )

    @property
    def summary(self) -> str:
        """Host of the endpoint, or ARN of its secret."""
        return f"webhook, {_host_of(self.webhook)}"

    def identified_by(self, key: str) -> Self:
        """Return a copy with a message ID derived from ``key``, unless the request has one."""
        if self.message_id:
            return self
        digest = hashlib.sha256(key.encode()).hexdigest()
        return self.model_copy(update={"message_id": digest})
