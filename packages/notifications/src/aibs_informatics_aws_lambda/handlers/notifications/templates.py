"""Render Jinja templates in subject and message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aibs_informatics_aws_lambda.common.exceptions import ApplicationException, ValidationError

from .content import NotificationContent, NotificationContentType

if TYPE_CHECKING:
    from jinja2.sandbox import ImmutableSandboxedEnvironment


def render(content: NotificationContent) -> NotificationContent:
    """Return ``content`` with its templates rendered, or unchanged if it has no variables.

    Templates run in Jinja's sandbox. In HTML, values are escaped. An undefined variable is an
    error.

    Raises:
        ApplicationException: Jinja is not installed.
        ValidationError: a template is invalid, or rendering it with these variables failed.
    """
    if content.variables is None:
        return content
    is_html = content.content_type is NotificationContentType.HTML
    texts = {
        "subject": _render_field("subject", content.subject, content.variables, is_html=False),
        "message": _render_field("message", content.message, content.variables, is_html=is_html),
    }
    if content.plain_text is not None:
        texts["plain_text"] = _render_field(
            "plain_text", content.plain_text, content.variables, is_html=False
        )
    return content.model_copy(update={**texts, "variables": None})


def _render_field(field: str, text: str, variables: dict[str, Any], *, is_html: bool) -> str:
    try:
        return _environment(is_html).from_string(text).render(variables)
    except ApplicationException:
        raise
    except Exception as error:
        # Filters and operators of a template may raise any exception that Python has.
        raise ValidationError(
            f"cannot render the template content.{field} with content.variables: "
            f"{type(error).__name__}: {error}"
        ) from None


def _environment(is_html: bool) -> ImmutableSandboxedEnvironment:
    # Imported here: optional, slow to import, and only requests with variables need it.
    try:
        from jinja2 import StrictUndefined
        from jinja2.sandbox import ImmutableSandboxedEnvironment
    except ImportError:
        raise ApplicationException(
            "cannot render content.variables: Jinja is not installed. Install "
            "aibs-informatics-aws-lambda-notifications[templates], or send a request without "
            "variables."
        ) from None
    return ImmutableSandboxedEnvironment(
        autoescape=is_html, undefined=StrictUndefined, keep_trailing_newline=True
    )
