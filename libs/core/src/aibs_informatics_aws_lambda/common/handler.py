"""The base class of Lambda handlers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic

from aws_lambda_powertools.utilities.typing import LambdaContext

from .base import CONTEXT_ATTR, LambdaEvent as LambdaEvent, LambdaHandlerType as LambdaHandlerType
from .description import HandlerDescription
from .generics import REQUEST, RESPONSE
from .json_io import JSON, JSONObject
from .lambda_function import (
    check_lambda_response,
    make_lambda_function,
    parse_event,
    with_handler_class,
)
from .logging import LOGGING_ATTR
from .middleware import call_handler, flush_middlewares
from .records import RecordMixins
from .s3 import S3Path, download_to_json_object, upload_json

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import (
        DynamoDBRecord as DynamoDBRecord,
    )
    from aws_lambda_powertools.utilities.data_classes.kafka_event import (
        KafkaEventRecord as KafkaEventRecord,
    )
    from aws_lambda_powertools.utilities.data_classes.kinesis_stream_event import (
        KinesisStreamRecord as KinesisStreamRecord,
    )
    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord as SQSRecord

# Powertools' event classes take a third of the import budget, and few handlers need them.
_RECORD_MODULES = {
    "DynamoDBRecord": "dynamo_db_stream_event",
    "KafkaEventRecord": "kafka_event",
    "KinesisStreamRecord": "kinesis_stream_event",
    "SQSRecord": "sqs_event",
}


def __getattr__(name: str) -> Any:
    if name not in _RECORD_MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    data_classes = "aws_lambda_powertools.utilities.data_classes"
    return getattr(import_module(f"{data_classes}.{_RECORD_MODULES[name]}"), name)


@dataclass(repr=False)
class LambdaHandler(RecordMixins[REQUEST, RESPONSE], Generic[REQUEST, RESPONSE]):
    """Base class of handlers with a request model and a response model.

    A subclass names both models and defines ``handle``; `get_handler` returns the function that
    AWS Lambda calls:

        class Greet(LambdaHandler[GreetRequest, GreetResponse]):
            def handle(self, request):
                return GreetResponse(text=f"Hello, {request.name}")

        handler = Greet.get_handler()
    """

    description: ClassVar[HandlerDescription] = HandlerDescription()
    """The requirements of the handler, for help texts, docs and templates."""

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

        Each invocation uses a new instance, made with the given arguments. Exceptions of the
        handler reach the caller unchanged. Metrics are printed in either case.
        """
        logger = cls.get_logger(cls.service_name())

        def invoke(event: LambdaEvent, context: LambdaContext) -> JSON | None:
            request = parse_event(cls, event)
            instance = cls(*args, **kwargs)
            setattr(instance, LOGGING_ATTR, logger)
            setattr(instance, CONTEXT_ATTR, context)
            try:
                response = call_handler(instance, request, event)
                if response is None:
                    return None
                document = cls.serialize_response(response)
                check_lambda_response(document)
                return document
            finally:
                instance.flush_metrics()
                flush_middlewares(cls)

        function = make_lambda_function(logger, invoke, module=cls.__module__)
        return with_handler_class(function, cls)

    @classmethod
    def partly_failed(cls, response: JSON) -> bool:
        """Return whether a response of this handler reports items that failed."""
        return isinstance(response, dict) and bool(response.get("batchItemFailures"))

    def __repr__(self) -> str:
        request, response = self.get_request_cls(), self.get_response_cls()
        return f"{type(self).__name__}(request: {request}, response: {response})"
