"""Batches of records from SQS queues, DynamoDB streams and Kinesis data streams.

Each record is handled by an instance of its own; those that fail are reported to AWS by their
identifiers, so that only they are delivered again. The event source mapping has to ask for that:
``FunctionResponseTypes: [ReportBatchItemFailures]``
(https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.utilities.batch import (
    BasePartialBatchProcessor,
    BatchProcessor,
    EventType,
    SqsFifoPartialProcessor,
)
from aws_lambda_powertools.utilities.batch.exceptions import (
    SQSFifoCircuitBreakerError,
    SQSFifoMessageGroupCircuitBreakerError,
)
from aws_lambda_powertools.utilities.typing import LambdaContext

from .handler import LambdaHandler, LambdaHandlerType
from .json_io import JSON, JSONObject, parse_json
from .logging import temporary_keys, with_lambda_context
from .metrics import EnhancedMetrics
from .s3 import S3Path

AnyHandlerClass: TypeAlias = type[LambdaHandler[Any, Any]]
MakeHandler: TypeAlias = Callable[[], LambdaHandler[Any, Any]]

_NOT_REACHED = (SQSFifoCircuitBreakerError, SQSFifoMessageGroupCircuitBreakerError)


@dataclass(frozen=True)
class _Source:
    """Where records come from.

    Args:
        should_process: whether a record concerns the handler.
        deserialize: the request that a record holds.
        identifier: the path, in the record, of what AWS knows it by.
    """

    should_process: Callable[[Any], bool]
    deserialize: Callable[[Any], Any]
    identifier: tuple[str, ...]

    def identify(self, record: Any) -> str:
        """Return what AWS knows a record by."""
        found = record
        for key in self.identifier:
            found = found.get(key, {}) if hasattr(found, "get") else {}
        return str(found or "unknown")


def sqs_batch_handler(
    handler_cls: AnyHandlerClass,
    make_handler: MakeHandler,
    *,
    queue_type: str,
    raise_on_entire_batch_failure: bool,
    skip_group_on_error: bool,
) -> LambdaHandlerType:
    """Return the Lambda function that `LambdaHandler.get_sqs_batch_handler` describes."""
    if queue_type not in ("standard", "fifo"):
        raise RuntimeError(f"unknown queue_type {queue_type!r}: expected 'standard' or 'fifo'")
    if skip_group_on_error and queue_type != "fifo":
        raise ValueError("skip_group_on_error is for FIFO queues: a standard queue has no groups")

    def make_processor() -> BasePartialBatchProcessor:
        if queue_type == "standard":
            return BatchProcessor(EventType.SQS)
        return SqsFifoPartialProcessor(skip_group_on_error=skip_group_on_error)

    source = _Source(
        handler_cls.should_process_sqs_record,
        handler_cls.deserialize_sqs_record,
        identifier=("messageId",),
    )
    return _batch_handler(
        handler_cls, make_handler, source, make_processor, raise_on_entire_batch_failure
    )


def dynamodb_stream_handler(
    handler_cls: AnyHandlerClass,
    make_handler: MakeHandler,
    *,
    raise_on_entire_batch_failure: bool,
) -> LambdaHandlerType:
    """Return the Lambda function that `LambdaHandler.get_dynamodb_stream_handler` describes."""
    source = _Source(
        handler_cls.should_process_dynamodb_record,
        handler_cls.deserialize_dynamodb_record,
        identifier=("dynamodb", "SequenceNumber"),
    )
    return _batch_handler(
        handler_cls,
        make_handler,
        source,
        lambda: BatchProcessor(EventType.DynamoDBStreams),
        raise_on_entire_batch_failure,
    )


def kinesis_stream_handler(
    handler_cls: AnyHandlerClass,
    make_handler: MakeHandler,
    *,
    raise_on_entire_batch_failure: bool,
) -> LambdaHandlerType:
    """Return the Lambda function that `LambdaHandler.get_kinesis_stream_handler` describes."""
    source = _Source(
        handler_cls.should_process_kinesis_record,
        handler_cls.deserialize_kinesis_record,
        identifier=("kinesis", "sequenceNumber"),
    )
    return _batch_handler(
        handler_cls,
        make_handler,
        source,
        lambda: BatchProcessor(EventType.KinesisDataStreams),
        raise_on_entire_batch_failure,
    )


def load_body(handler_cls: AnyHandlerClass, text: str) -> Any:
    """Return the request that the text of a record holds.

    The text is a JSON object, or JSON text of one within a JSON string. The URI of an S3 object
    is followed where the handler class allows it; a local path never is, since whoever writes to
    the queue could make the function read files of its own.

    Raises:
        ValidationError: the object does not fit the request model.
        ValueError: there is no JSON object.
    """
    document = parse_json(text)
    if isinstance(document, str):
        if handler_cls.reads_s3_uris_in_records and S3Path.is_valid(document):
            return handler_cls.deserialize_request(S3Path(document))
        document = parse_json(document)
    if not isinstance(document, dict):
        raise ValueError(f"the record holds no JSON object, but {type(document).__name__}")
    return handler_cls.deserialize_request(document)


def _batch_handler(
    handler_cls: AnyHandlerClass,
    make_handler: MakeHandler,
    source: _Source,
    make_processor: Callable[[], BasePartialBatchProcessor],
    raise_on_entire_batch_failure: bool,
) -> LambdaHandlerType:
    logger = handler_cls.get_logger(handler_cls.service_name())

    def handle_batch(event: JSON, context: LambdaContext) -> JSON:
        records = _records_of(event)
        metrics = _new_metrics(handler_cls)

        def handle_record(record: Any) -> None:
            identifier = source.identify(record)
            with temporary_keys(logger, record_id=identifier):
                try:
                    if source.should_process(record):
                        _handle(record)
                except Exception:
                    logger.exception("Record %s failed", identifier)
                    raise

        def _handle(record: Any) -> None:
            handler = make_handler()
            handler.log = logger
            handler.context = context
            handler.metrics = own = _new_metrics(handler_cls)
            try:
                handler.handle(request=source.deserialize(record))
            finally:
                metrics.take_over(own)

        # A processor per invocation: nothing of one batch is there in the next.
        processor = make_processor()
        processor.raise_on_entire_batch_failure = raise_on_entire_batch_failure
        try:
            with processor(records, handle_record):
                processor.process()
                _log_records_not_reached(logger, source, processor)
            return processor.response()
        finally:
            metrics.flush_metrics()

    handler = with_lambda_context(logger, handle_batch)
    handler.__module__ = handler_cls.__module__
    return handler


def _records_of(event: JSON) -> list[JSONObject]:
    if not isinstance(event, dict):
        raise ValueError(f"Invalid event format: expected a dict, got {type(event).__name__}")
    records = event.get("Records") or []
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise ValueError("Invalid event format: 'Records' is not a list of objects")
    return records


def _new_metrics(handler_cls: AnyHandlerClass) -> EnhancedMetrics:
    return handler_cls.get_metrics(handler_name=handler_cls.handler_name())


def _log_records_not_reached(
    logger: Logger, source: _Source, processor: BasePartialBatchProcessor
) -> None:
    for record, (_, error, _) in zip(processor.fail_messages, processor.exceptions, strict=True):
        if isinstance(error, _NOT_REACHED):
            logger.warning("Record %s was not handled: %s", source.identify(record), error)
