"""The base of Lambda handlers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeAlias

from aws_lambda_powertools.utilities.typing import LambdaContext

from .description import HandlerDescription
from .executor import BaseExecutor
from .generics import REQUEST, RESPONSE
from .json_io import JSON, JSONObject
from .logging import LoggingMixins, with_lambda_context
from .metrics import MetricsMixins
from .s3 import S3Path, download_to_json_object, upload_json

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import (
        DynamoDBRecord,
    )
    from aws_lambda_powertools.utilities.data_classes.kinesis_stream_event import (
        KinesisStreamRecord,
    )
    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord


LambdaEvent: TypeAlias = JSON
LambdaHandlerType: TypeAlias = Callable[[LambdaEvent, LambdaContext], JSON | None]

# powertools' event classes take a third of the import budget, and most handlers never see one.
_RECORD_MODULES = {
    "DynamoDBRecord": "aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event",
    "KinesisStreamRecord": "aws_lambda_powertools.utilities.data_classes.kinesis_stream_event",
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

        def invoke(event: LambdaEvent, context: LambdaContext) -> JSON | None:
            instance = cls(*args, **kwargs)
            instance.log = logger
            instance.context = context
            try:
                response = instance.handle(request=cls.deserialize_request(event))
                return None if response is None else cls.serialize_response(response)
            finally:
                instance.flush_metrics()

        handler = with_lambda_context(logger, invoke)
        handler.__module__ = cls.__module__
        handler._handler_class = cls  # type: ignore[attr-defined]
        return handler

    reads_s3_uris_in_records: ClassVar[bool] = False
    """Whether a record of a batch may name an S3 object instead of holding the request."""

    @classmethod
    def get_sqs_batch_handler(
        cls,
        *args: Any,
        queue_type: str = "standard",
        raise_on_entire_batch_failure: bool = True,
        skip_group_on_error: bool = False,
        **kwargs: Any,
    ) -> LambdaHandlerType:
        """Return the function that AWS Lambda calls with batches of an SQS queue.

        Each message is handled by an instance of its own; the responses are dropped. The answer
        names the messages that failed, for SQS to deliver them again.

        Args:
            args: arguments of the constructor.
            queue_type: ``standard``, or ``fifo``: there, the messages after one that failed are
                not handled, and reported with it.
            raise_on_entire_batch_failure: raise where every message failed; else report them.
            skip_group_on_error: of a FIFO queue, go on with messages of other groups.
            kwargs: keyword arguments of the constructor.

        Raises:
            RuntimeError: there is no such type of queue.
            ValueError: ``skip_group_on_error`` is asked for a standard queue.
        """
        from .records import sqs_batch_handler

        return sqs_batch_handler(
            cls,
            lambda: cls(*args, **kwargs),
            queue_type=queue_type,
            raise_on_entire_batch_failure=raise_on_entire_batch_failure,
            skip_group_on_error=skip_group_on_error,
        )

    @classmethod
    def get_dynamodb_stream_handler(
        cls, *args: Any, raise_on_entire_batch_failure: bool = True, **kwargs: Any
    ) -> LambdaHandlerType:
        """Return the function that AWS Lambda calls with batches of a DynamoDB stream.

        A subclass says in `deserialize_dynamodb_record` what a record asks for. Arguments are
        those of `get_sqs_batch_handler`; records that fail are named by sequence number.
        """
        from .records import dynamodb_stream_handler

        return dynamodb_stream_handler(
            cls,
            lambda: cls(*args, **kwargs),
            raise_on_entire_batch_failure=raise_on_entire_batch_failure,
        )

    @classmethod
    def get_kinesis_stream_handler(
        cls, *args: Any, raise_on_entire_batch_failure: bool = True, **kwargs: Any
    ) -> LambdaHandlerType:
        """Return the function that AWS Lambda calls with batches of a Kinesis data stream.

        Arguments are those of `get_sqs_batch_handler`; records that fail are named by sequence
        number.
        """
        from .records import kinesis_stream_handler

        return kinesis_stream_handler(
            cls,
            lambda: cls(*args, **kwargs),
            raise_on_entire_batch_failure=raise_on_entire_batch_failure,
        )

    @classmethod
    def should_process_sqs_record(cls, record: SQSRecord) -> bool:  # noqa: ARG003
        """Tell whether to handle a message; one that is passed over counts as handled."""
        return True

    @classmethod
    def deserialize_sqs_record(cls, record: SQSRecord) -> REQUEST:
        """Return the request that a message holds: by default, its body is a JSON object."""
        return cls._load_record(record.body)

    @classmethod
    def should_process_dynamodb_record(cls, record: DynamoDBRecord) -> bool:  # noqa: ARG003
        """Tell whether to handle a change; one that is passed over counts as handled."""
        return True

    @classmethod
    def deserialize_dynamodb_record(cls, record: DynamoDBRecord) -> REQUEST:
        """Return the request that a change stands for; every subclass has its own way.

        ``record.dynamodb.new_image`` holds plain Python values, numbers as `Decimal`.
        """
        raise NotImplementedError(
            f"{cls.__name__} does not say what a change of a table asks for: "
            "define deserialize_dynamodb_record(cls, record)"
        )

    @classmethod
    def should_process_kinesis_record(cls, record: KinesisStreamRecord) -> bool:  # noqa: ARG003
        """Tell whether to handle a record; one that is passed over counts as handled."""
        return True

    @classmethod
    def deserialize_kinesis_record(cls, record: KinesisStreamRecord) -> REQUEST:
        """Return the request that a record holds: by default, its data is a JSON object."""
        return cls._load_record(record.kinesis.data_as_text())

    @classmethod
    def _load_record(cls, text: str) -> REQUEST:
        from .records import load_body

        request: REQUEST = load_body(cls, text)
        return request

    @classmethod
    def partly_failed(cls, answer: JSON) -> bool:
        """Tell whether an answer of this handler reports items that failed."""
        return isinstance(answer, dict) and bool(answer.get("batchItemFailures"))

    def __repr__(self) -> str:
        request, response = self.get_request_cls(), self.get_response_cls()
        return f"{type(self).__name__}(request: {request}, response: {response})"
