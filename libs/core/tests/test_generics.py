from __future__ import annotations

import sys
from typing import Generic, TypeVar

import pytest
from aibs_informatics_aws_lambda.common.executor import BaseExecutor
from aibs_informatics_aws_lambda.common.handler import LambdaHandler
from aibs_informatics_aws_lambda.common.model import PydanticBaseModel

T = TypeVar("T")
U = TypeVar("U")


class Question(PydanticBaseModel):
    pass


class Answer(PydanticBaseModel):
    pass


class Page(PydanticBaseModel, Generic[T]):
    items: list[T]


class Mixin:
    pass


def classes_of(executor):
    return executor.get_request_cls(), executor.get_response_cls()


class Direct(BaseExecutor[Question, Answer]):
    pass


class Handler(LambdaHandler[Question, Answer]):
    pass


class Plain(Handler):
    pass


class Mixed(Mixin, Handler):
    pass


class Half(LambdaHandler[T, Answer], Generic[T]):
    pass


class Whole(Half[Question]):
    pass


class Swapped(LambdaHandler[U, T], Generic[T, U]):
    pass


class SwappedWhole(Swapped[Answer, Question]):
    pass


class Paged(LambdaHandler[Question, Page[T]], Generic[T]):
    pass


class PagedWhole(Paged[int]):
    pass


class Redefined(Handler, LambdaHandler[Answer, Question]):
    pass


@pytest.mark.parametrize(
    "executor", [Direct, Handler, Plain, Mixed, Whole, SwappedWhole], ids=lambda cls: cls.__name__
)
def test_request_and_response_classes_are_found(executor):
    assert classes_of(executor) == (Question, Answer)


def test_type_variable_inside_a_model_is_replaced():
    assert classes_of(PagedWhole) == (Question, Page[int])


def test_nearest_base_in_method_resolution_order_wins():
    class Left(Handler):
        pass

    class Both(Left, Redefined):
        pass

    assert [cls.__name__ for cls in Both.__mro__[:4]] == ["Both", "Left", "Redefined", "Handler"]
    assert classes_of(Both) == (Answer, Question)


class Unnamed(LambdaHandler):
    pass


@pytest.mark.parametrize(
    ("executor", "advice"),
    [
        (BaseExecutor, r"REQUEST, RESPONSE of BaseExecutor: .* BaseExecutor\[...\]"),
        (LambdaHandler, r"REQUEST, RESPONSE of LambdaHandler: .* LambdaHandler\[...\]"),
        (Unnamed, r"Unnamed does not bind .* LambdaHandler: .* LambdaHandler\[...\]"),
        (Half, r"T of Half: .* Half\[...\]"),
        (Half[Question], r"T of Half: .* Half\[...\]"),
    ],
)
def test_class_that_does_not_name_its_models_is_reported(executor, advice):
    with pytest.raises(TypeError, match=advice):
        executor.get_request_cls()


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the syntax came with Python 3.12")
def test_type_parameters_of_the_newer_syntax_are_followed():
    names = {"LambdaHandler": LambdaHandler, "Question": Question, "Answer": Answer}
    exec(
        "class New[T](LambdaHandler[T, Answer]): pass\nclass NewWhole(New[Question]): pass", names
    )

    assert classes_of(names["NewWhole"]) == (Question, Answer)
