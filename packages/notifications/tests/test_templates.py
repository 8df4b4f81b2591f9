from __future__ import annotations

import sys

import pytest
from aibs_informatics_aws_lambda.common.exceptions import ApplicationException, ValidationError
from aibs_informatics_aws_lambda.handlers.notifications.content import NotificationContent
from aibs_informatics_aws_lambda.handlers.notifications.templates import render


def content(message, **fields):
    return NotificationContent.from_dict({"subject": "{{ name }}", "message": message, **fields})


def test_variables_are_rendered_in_subject_and_message():
    text = "{% for step in steps %}- {{ step }}\n{% endfor %}"

    rendered = render(content(text, variables={"name": "R & D", "steps": ["a", "b"]}))

    assert (rendered.subject, rendered.message) == ("R & D", "- a\n- b\n")


def test_values_are_escaped_in_html_only():
    rendered = render(
        content(
            "<b>{{ name }}</b>",
            plain_text="{{ name }}",
            content_type="html",
            variables={"name": "R & <D>"},
        )
    )

    assert rendered.message == "<b>R &amp; &lt;D&gt;</b>"
    assert (rendered.subject, rendered.plain_text) == ("R & <D>", "R & <D>")


def test_text_without_variables_is_not_a_template():
    plain = content("{{ message }} {% if %}")

    assert render(plain) is plain


def test_empty_variables_make_the_text_a_template():
    with pytest.raises(ValidationError, match="'name' is undefined"):
        render(content("text", variables={}))


@pytest.mark.parametrize(
    "message",
    [
        *("{{ missing }}", "{{ name.missing.part }}", "{% if %}", "{{ name", "{{ 1 // 0 }}"),
        "{% include 'other' %}",
    ],
)
def test_an_error_names_the_template_field(message):
    with pytest.raises(ValidationError, match=r"content\.message with"):
        render(content(message, variables={"name": "n"}))


@pytest.mark.parametrize(
    "message",
    [
        "{{ name.__class__.__mro__ }}",
        "{{ ''.__class__.__base__.__subclasses__() }}",
        "{{ '{0.__class__}'.format(name) }}",
        "{{ ('{0.__cla' + 'ss__}')|attr('format')(name) }}",
        "{{ self._TemplateReference__context }}",
        "{{ names.append(1) }}",
    ],
)
def test_templates_cannot_leave_the_sandbox(message):
    with pytest.raises(ValidationError, match=r"SecurityError|UndefinedError"):
        render(content(message, variables={"name": "n", "names": []}))


def test_the_error_without_jinja_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)

    with pytest.raises(ApplicationException, match=r"notifications\[templates\]"):
        render(content("text", variables={"name": "n"}))
