"""Handling the records of SQS queues, DynamoDB streams and Kinesis data streams."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Generic

from .base import LambdaHandlerType
from .documents import parse_remote_document
from .executor import BaseExecutor
from .generics import REQUEST, RESPONSE
from .logging import LoggingMixins
from .metrics import MetricsMixins
from .middleware import call_handler, flush_middlewares
from .s3 import S3Path

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord
    from aws_lambda_powertools.utilities.data_classes.kinesis_stream_event import (
        KinesisStreamRecord,
    )
    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

    from .record_batches import MakeProcessor


class RecordMixins(
    LoggingMixins, MetricsMixins, BaseExecutor[REQUEST, RESPONSE], Generic[REQUEST, RESPONSE]
):
    """Gives a handler class Lambda functions for batches of records.

    A subclass may override the hooks of an event source: ``should_process_..._record`` selects
    the records to handle, ``deserialize_..._record`` reads the request of one.
    """

    reads_s3_uris_in_records: ClassVar[bool] = False
    """Whether a record may contain the URI of an S3 object instead of the request itself."""

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

        Each message is handled by a new instance, and the handler's response is discarded. The
        function's response lists the messages that failed, and SQS delivers those again.

        Args:
            args: arguments of the constructor.
            queue_type: ``standard`` or ``fifo``. In a FIFO queue, the messages after a failed one
                are not handled, and are reported with it.
            raise_on_entire_batch_failure: whether to raise if every message failed; otherwise
                they are reported.
            skip_group_on_error: whether to continue with other message groups of a FIFO queue.
            kwargs: keyword arguments of the constructor.

        Raises:
            RuntimeError: there is no such type of queue.
            ValueError: ``skip_group_on_error`` is set for a standard queue.
        """
        # Powertools' batch utility is loaded only by functions that need it.
        from .record_batches import sqs_processor

        return cls._make_batch_function(
            lambda: cls(*args, **kwargs),
            cls.should_process_sqs_record,
            cls.deserialize_sqs_record,
            sqs_processor(queue_type, skip_group_on_error=skip_group_on_error),
            raise_on_entire_batch_failure,
        )

    @classmethod
    def get_dynamodb_stream_handler(
        cls, *args: Any, raise_on_entire_batch_failure: bool = True, **kwargs: Any
    ) -> LambdaHandlerType:
        """Return the function that AWS Lambda calls with batches of a DynamoDB stream.

        A subclass must define `deserialize_dynamodb_record`. Failed records are reported by
        sequence number.

        Args:
            args: arguments of the constructor.
            raise_on_entire_batch_failure: whether to raise if every record failed.
            kwargs: keyword arguments of the constructor.
        """
        from .record_batches import stream_processor

        return cls._make_batch_function(
            lambda: cls(*args, **kwargs),
            cls.should_process_dynamodb_record,
            cls.deserialize_dynamodb_record,
            stream_processor("DynamoDBStreams"),
            raise_on_entire_batch_failure,
        )

    @classmethod
    def get_kinesis_stream_handler(
        cls, *args: Any, raise_on_entire_batch_failure: bool = True, **kwargs: Any
    ) -> LambdaHandlerType:
        """Return the function that AWS Lambda calls with batches of a Kinesis data stream.

        Failed records are reported by sequence number.

        Args:
            args: arguments of the constructor.
            raise_on_entire_batch_failure: whether to raise if every record failed.
            kwargs: keyword arguments of the constructor.
        """
        from .record_batches import stream_processor

        return cls._make_batch_function(
            lambda: cls(*args, **kwargs),
            cls.should_process_kinesis_record,
            cls.deserialize_kinesis_record,
            stream_processor("KinesisDataStreams"),
            raise_on_entire_batch_failure,
        )

    @classmethod
    def should_process_sqs_record(cls, record: SQSRecord) -> bool:  # noqa: ARG003
        """Return whether to handle a message; a skipped message counts as handled."""
        return True

    @classmethod
    def deserialize_sqs_record(cls, record: SQSRecord) -> REQUEST:
        """Return the request in a message: by default, the body as a JSON object."""
        return cls.load_body(record.body)

    @classmethod
    def should_process_dynamodb_record(cls, record: DynamoDBRecord) -> bool:  # noqa: ARG003
        """Return whether to handle a change; a skipped change counts as handled."""
        return True

    @classmethod
    def deserialize_dynamodb_record(cls, record: DynamoDBRecord) -> REQUEST:
        """Return the request that a change of an item stands for; there is no default.

        ``record.dynamodb.new_image`` contains plain Python values, numbers as `Decimal`.
        """
        raise NotImplementedError(
            f"{cls.__name__} does not define deserialize_dynamodb_record(cls, record), "
            "which returns the request for a change of an item"
        )

    @classmethod
    def should_process_kinesis_record(cls, record: KinesisStreamRecord) -> bool:  # noqa: ARG003
        """Return whether to handle a record; a skipped record counts as handled."""
        return True

    @classmethod
    def deserialize_kinesis_record(cls, record: KinesisStreamRecord) -> REQUEST:
        """Return the request in a record: by default, the data as a JSON object."""
        return cls.load_body(record.kinesis.data_as_text())

    @classmethod
    def load_body(cls, text: str) -> REQUEST:
        """Return the request in the text of a record.

        The text is a JSON object or, if ``reads_s3_uris_in_records`` is set, the URI of an S3
        object; a JSON string that contains either is accepted too. Local paths are not accepted:
        anyone who can write to the queue could make the function read its own files.

        Raises:
            ValidationError: the object does not fit the request model.
            ValueError: the text does not contain a JSON object.
        """
        document = parse_remote_document(text)
        if isinstance(document, str) and not isinstance(document, S3Path):
            document = parse_remote_document(document)
        if isinstance(document, S3Path) and not cls.reads_s3_uris_in_records:
            raise ValueError(
                "the record is an S3 URI, which is not allowed: "
                f"set {cls.__name__}.reads_s3_uris_in_records to allow it"
            )
        if not isinstance(document, dict | S3Path):
            raise ValueError(
                f"expected a JSON object in the record, got {type(document).__name__}"
            )
        return cls.deserialize_request(document)

    @classmethod
    def _make_batch_function(
        cls,
        make_handler: Callable[[], RecordMixins[REQUEST, RESPONSE]],
        should_process: Callable[[Any], bool],
        deserialize: Callable[[Any], REQUEST],
        make_processor: MakeProcessor,
        raise_on_entire_batch_failure: bool,
    ) -> LambdaHandlerType:
        from .record_batches import make_batch_function

        logger = cls.get_logger(cls.service_name())

        def handle_record(record: Any, context: Any, metrics: Any) -> None:
            if should_process(record):
                handler = make_handler()
                handler.log, handler.context, handler.metrics = logger, context, metrics
                call_handler(handler, deserialize(record), record)

        return make_batch_function(
            handle_record,
            make_processor,
            logger=logger,
            new_metrics=lambda: cls.get_metrics(handler_name=cls.handler_name()),
            flush=lambda: flush_middlewares(cls),
            module=cls.__module__,
            raise_on_entire_batch_failure=raise_on_entire_batch_failure,
        )
