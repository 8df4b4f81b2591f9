"""Classes that name the models of a request and its response in their type arguments."""

from __future__ import annotations

from typing import Generic, TypeVar

from aibs_informatics_aws_lambda.common.model import ModelProtocol
from aibs_informatics_aws_lambda.common.type_arguments import type_arguments

__all__ = ["REQUEST", "RESPONSE", "TypedExchange"]

REQUEST = TypeVar("REQUEST", bound=ModelProtocol)
RESPONSE = TypeVar("RESPONSE", bound=ModelProtocol)


class TypedExchange(Generic[REQUEST, RESPONSE]):
    """Base of what is about a request of one class and a response of another."""

    @classmethod
    def get_request_cls(cls) -> type[REQUEST]:
        """Return the class of requests; raise `TypeError` where the class does not name it."""
        request_cls: type[REQUEST] = type_arguments(cls, TypedExchange)[0]
        return request_cls

    @classmethod
    def get_response_cls(cls) -> type[RESPONSE]:
        """Return the class of responses; raise `TypeError` where the class does not name it."""
        response_cls: type[RESPONSE] = type_arguments(cls, TypedExchange)[1]
        return response_cls
