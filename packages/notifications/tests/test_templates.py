from __future__ import annotations

import sys

import pytest
from aibs_informatics_aws_lambda.common.exceptions import ApplicationException, ValidationError
from aibs_informatics_aws_lambda.handlers.notifications.content import NotificationContent
from aibs_informatics_aws_lambda.handlers.notifications.templates import fill_in


def content(message, **fields):
    return NotificationContent.from_dict({"subject": "{{ name }}", "message": message, **fields})


def test_variables_are_filled_into_subject_and_message():
    text = "{% for step in steps %}- {{ step }}\n{% endfor %}"

    filled = fill_in(content(text, variables={"name": "R & D", "steps": ["a", "b"]}))

    assert (filled.subject, filled.message) == ("R & D", "- a\n- b\n")


def test_in_html_values_are_escaped_and_elsewhere_they_are_not():
    filled = fill_in(
        content(
            "<b>{{ name }}</b>",
            plain_text="{{ name }}",
            content_type="html",
            variables={"name": "R & <D>"},
        )
    )

    assert filled.message == "<b>R &amp; &lt;D&gt;</b>"
    assert (filled.subject, filled.plain_text) == ("R & <D>", "R & <D>")


def test_without_variables_braces_are_text():
    plain = content("{{ message }} {% if %}")

    assert fill_in(plain) is plain


def test_no_variables_are_not_the_same_as_none_of_them():
    with pytest.raises(ValidationError, match="'name' is undefined"):
        fill_in(content("text", variables={}))


@pytest.mark.parametrize(
    "message",
    [
        *("{{ missing }}", "{{ name.missing.part }}", "{% if %}", "{{ name", "{{ 1 // 0 }}"),
        "{% include 'other' %}",
    ],
)
def test_what_cannot_be_filled_in_is_named(message):
    with pytest.raises(ValidationError, match=r"content\.message cannot be filled in"):
        fill_in(content(message, variables={"name": "n"}))


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
def test_templates_stay_in_their_sandbox(message):
    with pytest.raises(ValidationError, match=r"SecurityError|UndefinedError"):
        fill_in(content(message, variables={"name": "n", "names": []}))


def test_a_missing_jinja_is_named_with_the_way_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)

    with pytest.raises(ApplicationException, match=r"notifications\[templates\]"):
        fill_in(content("text", variables={"name": "n"}))
