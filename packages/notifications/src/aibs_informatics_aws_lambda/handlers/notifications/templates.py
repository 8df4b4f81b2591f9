"""Subject and message made of templates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aibs_informatics_aws_lambda.common.exceptions import ApplicationException, ValidationError

from .content import NotificationContent, NotificationContentType

if TYPE_CHECKING:
    from jinja2.sandbox import ImmutableSandboxedEnvironment


def fill_in(content: NotificationContent) -> NotificationContent:
    """Return ``content`` with its variables filled in; without variables it stays as it is.

    Templates are Jinja's, in its sandbox. In HTML, values are escaped. A variable that is not
    given is an error.

    Raises:
        ApplicationException: Jinja is not installed.
        ValidationError: a text is no template, or cannot be filled in with these variables.
    """
    if content.variables is None:
        return content
    is_html = content.content_type is NotificationContentType.HTML
    texts = {
        "subject": _render("subject", content.subject, content.variables, is_html=False),
        "message": _render("message", content.message, content.variables, is_html=is_html),
    }
    if content.plain_text is not None:
        texts["plain_text"] = _render(
            "plain_text", content.plain_text, content.variables, is_html=False
        )
    return content.model_copy(update={**texts, "variables": None})


def _render(field: str, text: str, variables: dict[str, Any], *, is_html: bool) -> str:
    try:
        return _environment(is_html).from_string(text).render(variables)
    except ApplicationException:
        raise
    except Exception as error:
        # Any type at all: filters and operators of a template raise whatever Python's raise.
        raise ValidationError(
            f"content.{field} cannot be filled in with content.variables: "
            f"{type(error).__name__}: {error}"
        ) from None


def _environment(is_html: bool) -> ImmutableSandboxedEnvironment:
    # An extra, and a slow import: only requests with variables need it.
    try:
        from jinja2 import StrictUndefined
        from jinja2.sandbox import ImmutableSandboxedEnvironment
    except ImportError:
        raise ApplicationException(
            "content.variables needs Jinja, which is not installed: install "
            "aibs-informatics-aws-lambda-notifications[templates], or send texts without variables"
        ) from None
    return ImmutableSandboxedEnvironment(
        autoescape=is_html, undefined=StrictUndefined, keep_trailing_newline=True
    )
