"""The base of Lambda handlers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeAlias

from aibs_informatics_aws_lambda.common.description import HandlerDescription
from aibs_informatics_aws_lambda.common.executor import REQUEST, RESPONSE, BaseExecutor
from aibs_informatics_aws_lambda.common.json_io import JSON, JSONObject
from aibs_informatics_aws_lambda.common.logging import LoggingMixins, show_library_lines
from aibs_informatics_aws_lambda.common.metrics import MetricsMixins
from aibs_informatics_aws_lambda.common.s3 import (
    S3Path,
    download_to_json_object,
    upload_json,
)
from aws_lambda_powertools.utilities.typing import LambdaContext

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import (
        DynamoDBRecord,
    )
    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

__all__ = ["DynamoDBRecord", "LambdaEvent", "LambdaHandler", "LambdaHandlerType", "SQSRecord"]

LambdaEvent: TypeAlias = JSON
LambdaHandlerType: TypeAlias = Callable[[LambdaEvent, LambdaContext], JSON | None]

# powertools' event classes take a third of the import budget, and most handlers never see one.
_RECORD_MODULES = {
    "DynamoDBRecord": "aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event",
    "SQSRecord": "aws_lambda_powertools.utilities.data_classes.sqs_event",
}


def __getattr__(name: str) -> Any:
    if name not in _RECORD_MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_RECORD_MODULES[name]), name)


@dataclass(repr=False)
class LambdaHandler(
    LoggingMixins,
    MetricsMixins,
    BaseExecutor[REQUEST, RESPONSE],
    Generic[REQUEST, RESPONSE],
):
    """Base of handlers whose request and response are models.

    A subclass names both and writes ``handle``; `get_handler` makes the function that Lambda
    calls:

        class Greet(LambdaHandler[GreetRequest, GreetResponse]):
            def handle(self, request):
                return GreetResponse(text=f"Hello, {request.name}")

        handler = Greet.get_handler()
    """

    description: ClassVar[HandlerDescription] = HandlerDescription()
    """What the handler needs and how a request looks, for help texts, docs and templates."""

    @classmethod
    def load_input__remote(cls, remote_path: S3Path) -> JSONObject:
        """Read a JSON object from S3."""
        return download_to_json_object(remote_path)

    @classmethod
    def write_output__remote(cls, output: JSON, remote_path: S3Path) -> None:
        """Write a JSON document to S3."""
        upload_json(output, remote_path)

    @classmethod
    def get_handler(cls, *args: Any, **kwargs: Any) -> LambdaHandlerType:
        """Return the function that AWS Lambda calls.

        Each invocation gets an instance of its own, made with the given arguments. Exceptions of
        the handler reach the caller unchanged; metrics are printed in any case.
        """
        logger = cls.get_logger(cls.service_name())

        @logger.inject_lambda_context
        def invoke(event: LambdaEvent, _: object, context: LambdaContext) -> JSON | None:
            instance = cls(*args, **kwargs)
            instance.log = logger
            instance.context = context
            try:
                response = instance.handle(request=cls.deserialize_request(event))
                return None if response is None else cls.serialize_response(response)
            finally:
                instance.flush_metrics()

        def handler(event: LambdaEvent, context: LambdaContext) -> JSON | None:
            show_library_lines(logger)
            return invoke(event, _for_logs(context), context)

        handler._handler_class = cls  # type: ignore[attr-defined]
        return handler

    @classmethod
    def partly_failed(cls, answer: JSON) -> bool:
        """Tell whether an answer of this handler reports items that failed."""
        return isinstance(answer, dict) and bool(answer.get("batchItemFailures"))

    def __repr__(self) -> str:
        request, response = self.get_request_cls(), self.get_response_cls()
        return f"{type(self).__name__}(request: {request}, response: {response})"


def _for_logs(context: LambdaContext) -> object:
    """Return what the logger may read of a context without causing requests to AWS."""
    return getattr(context, "without_look_ups", context)
