"""Batches of records, processed by the batch utility of Powertools.

Only the records that failed are reported to AWS, by their identifiers, and delivered again. The
event source mapping must have ``FunctionResponseTypes: [ReportBatchItemFailures]``
(https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeAlias

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.utilities import batch
from aws_lambda_powertools.utilities.batch import exceptions
from aws_lambda_powertools.utilities.typing import LambdaContext

from ._powertools import failures_of
from .base import LambdaHandlerType
from .json_io import JSON, JSONObject
from .lambda_function import exited, make_lambda_function
from .logging import logger, temporary_keys
from .metrics import EnhancedMetrics

HandleRecord: TypeAlias = Callable[[Any, LambdaContext, EnhancedMetrics], None]
Records: TypeAlias = list[JSONObject]
MakeProcessor: TypeAlias = Callable[[Records], batch.BasePartialBatchProcessor]

_NOT_REACHED = (
    exceptions.SQSFifoCircuitBreakerError,
    exceptions.SQSFifoMessageGroupCircuitBreakerError,
)

# Where a record has the identifier by which AWS wants failures reported.
_IDENTIFIERS = {
    batch.EventType.SQS: ("messageId",),
    batch.EventType.DynamoDBStreams: ("dynamodb", "SequenceNumber"),
    batch.EventType.KinesisDataStreams: ("kinesis", "sequenceNumber"),
}


def sqs_processor(queue_type: str, *, skip_group_on_error: bool) -> MakeProcessor:
    """Return a factory of processors for an SQS queue.

    Messages of a FIFO queue are processed in order even if the type is ``standard``: otherwise,
    messages after a failed one would be handled before it.

    Raises:
        RuntimeError: there is no such type of queue.
        ValueError: ``skip_group_on_error`` is set for a standard queue.
    """
    if queue_type not in ("standard", "fifo"):
        raise RuntimeError(f"unknown queue_type {queue_type!r}: expected 'standard' or 'fifo'")
    if queue_type == "fifo":
        return lambda _: batch.SqsFifoPartialProcessor(skip_group_on_error=skip_group_on_error)
    if skip_group_on_error:
        raise ValueError(
            "skip_group_on_error is for FIFO queues: a standard queue has no message groups"
        )
    return _standard_processor


def _standard_processor(records: Records) -> batch.BasePartialBatchProcessor:
    if any(str(record.get("eventSourceARN")).endswith(".fifo") for record in records):
        _warn_of_fifo_queue()
        return batch.SqsFifoPartialProcessor()
    return batch.BatchProcessor(batch.EventType.SQS)


@cache
def _warn_of_fifo_queue() -> None:
    logger.warning("The queue is a FIFO queue: pass queue_type='fifo' to get_sqs_batch_handler")


def stream_processor(source: str) -> MakeProcessor:
    """Return a factory of processors for a stream.

    Args:
        source: ``DynamoDBStreams``, ``KinesisDataStreams`` or ``Kafka``.
    """
    return lambda _: batch.BatchProcessor(batch.EventType[source])


def make_batch_function(
    handle_record: HandleRecord,
    make_processor: MakeProcessor,
    *,
    logger: Logger,
    new_metrics: Callable[[], EnhancedMetrics],
    flush: Callable[[], None],
    module: str,
    raise_on_entire_batch_failure: bool,
    reports_failures: bool,
) -> LambdaHandlerType:
    """Return a Lambda function that handles each record of a batch.

    Args:
        handle_record: handles one record; its metrics are passed in.
        make_processor: makes the processor of a batch of records.
        logger: has the identifier of the record in hand as ``record_id``.
        new_metrics: makes an empty collection of metrics.
        flush: is called at the end of each batch.
        module: the module that the function counts as defined in.
        raise_on_entire_batch_failure: whether to raise if every record failed.
        reports_failures: whether the response lists the records that failed; otherwise the batch
            fails if any of them did.
    """

    def handle_batch(event: JSON, context: LambdaContext) -> JSON:
        records = _records_of(event)
        if not records:
            logger.warning("The event has no records: nothing is handled")
        metrics = new_metrics()
        # A processor per invocation: it keeps the failures of its batch.
        processor = make_processor(records)
        processor.raise_on_entire_batch_failure = raise_on_entire_batch_failure

        def handle_logged(record: Any) -> None:
            identifier = _identify(record, processor)
            own_metrics = new_metrics()
            with temporary_keys(logger, record_id=identifier):
                try:
                    with _contained_exit():
                        handle_record(record, context, own_metrics)
                except Exception:
                    logger.exception("Record %s failed", identifier)
                    raise
                finally:
                    metrics.take_over(own_metrics)

        try:
            with processor(records, handle_logged):
                processor.process()
                _log_records_not_reached(logger, processor)
            if not reports_failures:
                _check_all_succeeded(processor)
            return processor.response()
        finally:
            metrics.flush_metrics()
            flush()

    return make_lambda_function(logger, handle_batch, module=module)


@contextmanager
def _contained_exit() -> Iterator[None]:
    """Raise `SystemExit` of a handler as an error of its record, not of the whole batch."""
    try:
        yield
    except SystemExit as error:
        raise exited(error) from error


def _records_of(event: JSON) -> Records:
    if not isinstance(event, dict):
        raise ValueError(f"Invalid event format: expected a dict, got {type(event).__name__}")
    if isinstance(event.get("records"), dict):
        # Of Kafka: by topic and partition.
        listed = event["records"].values()
        if not all(isinstance(partition, list) for partition in listed):
            raise ValueError("Invalid event format: 'records' is not an object of lists")
        event = {"Records": [record for partition in listed for record in partition]}
    records = event.get("Records") or []
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise ValueError("Invalid event format: 'Records' is not a list of objects")
    return records


def _identify(record: Any, processor: batch.BasePartialBatchProcessor) -> str:
    if processor.event_type is batch.EventType.Kafka:
        return "-".join(str(record.get(key)) for key in ("topic", "partition", "offset"))
    found = record
    for key in _IDENTIFIERS[processor.event_type]:
        found = found.get(key, {}) if hasattr(found, "get") else {}
    return str(found or "unknown")


def _check_all_succeeded(processor: batch.BasePartialBatchProcessor) -> None:
    failed = len(processor.fail_messages)
    if failed:
        raise exceptions.BatchProcessingError(
            f"{failed} of {len(processor.records)} records failed", processor.exceptions
        )


def _log_records_not_reached(logger: Logger, processor: batch.BasePartialBatchProcessor) -> None:
    for record, error in failures_of(processor):
        if isinstance(error, _NOT_REACHED):
            logger.warning("Record %s was not handled: %s", _identify(record, processor), error)
