from __future__ import annotations

import copy
import pickle
from typing import ClassVar

import pytest
from aibs_informatics_aws_lambda.common.checked_text import CheckedText
from aibs_informatics_aws_lambda.common.exceptions import ValidationError
from aibs_informatics_aws_lambda.common.model import PydanticBaseModel


class Shout(CheckedText):
    json_schema: ClassVar = {"pattern": "^[A-Z]+$"}

    @classmethod
    def _checked(cls, text):
        if not text.isalpha():
            raise ValidationError(f"{text!r} has more than letters")
        return text.upper()


class Message(PydanticBaseModel):
    words: list[Shout]


def test_text_is_kept_in_the_form_of_its_class():
    assert Shout("abc") == "ABC"
    assert isinstance(Shout("abc"), str)


def test_instance_is_returned_as_it_is():
    shout = Shout("abc")

    assert Shout(shout) is shout


@pytest.mark.parametrize("value", ["a1", "", None, 5, b"abc", ["abc"]])
def test_anything_else_is_a_validation_error(value):
    assert not Shout.is_valid(value)
    with pytest.raises(ValidationError):
        Shout(value)


def test_fields_of_models_are_checked_and_written_as_text():
    message = Message.from_dict({"words": ["a", Shout("b")]})

    assert [type(word) for word in message.words] == [Shout, Shout]
    assert message.to_dict() == {"words": ["A", "B"]}
    assert type(message.to_dict()["words"][0]) is str
    with pytest.raises(ValidationError, match=r"words\.1"):
        Message.from_dict({"words": ["a", 5]})


def test_schema_says_what_is_allowed():
    schema = Message.model_json_schema()

    assert schema["properties"]["words"]["items"] == {"type": "string", "pattern": "^[A-Z]+$"}


def test_copies_are_equal_and_of_the_same_class():
    shout = Shout("abc")

    for same in (copy.deepcopy(shout), pickle.loads(pickle.dumps(shout))):
        assert same == shout
        assert type(same) is Shout


def test_class_that_does_not_say_what_it_allows_is_named():
    class Nothing(CheckedText):
        pass

    with pytest.raises(NotImplementedError, match="Nothing"):
        Nothing("a")
