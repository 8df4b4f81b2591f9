"""Handling the records of SQS queues, DynamoDB streams, Kinesis data streams and Kafka topics."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
    from aws_lambda_powertools.utilities.data_classes.kafka_event import KafkaEventRecord
    from aws_lambda_powertools.utilities.data_classes.kinesis_stream_event import (
        KinesisStreamRecord,
    )
    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

    from .envelopes import Envelope
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
        envelopes: Sequence[Envelope] = (),
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
            envelopes: what is around the request in the body, the outermost first: ``("sns",)``
                for a queue that is subscribed to a topic, ``("sns", "s3")`` for S3's
                notifications by way of one. An `S3ObjectEvent` is the request of ``s3``.
            kwargs: keyword arguments of the constructor.

        Raises:
            RuntimeError: there is no such type of queue.
            ValueError: ``skip_group_on_error`` is set for a standard queue; there is no such
                envelope, or the class overrides `deserialize_sqs_record` too.
        """
        # Powertools' batch utility is loaded only by functions that need it.
        from .record_batches import sqs_processor

        return cls._make_batch_function(
            lambda: cls(*args, **kwargs),
            cls.should_process_sqs_record,
            cls._reader("deserialize_sqs_record", _body_of, envelopes),
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
            cls._reader("deserialize_dynamodb_record", _body_of, ()),
            stream_processor("DynamoDBStreams"),
            raise_on_entire_batch_failure,
        )

    @classmethod
    def get_kinesis_stream_handler(
        cls,
        *args: Any,
        raise_on_entire_batch_failure: bool = True,
        envelopes: Sequence[Envelope] = (),
        **kwargs: Any,
    ) -> LambdaHandlerType:
        """Return the function that AWS Lambda calls with batches of a Kinesis data stream.

        Failed records are reported by sequence number.

        Args:
            args: arguments of the constructor.
            raise_on_entire_batch_failure: whether to raise if every record failed.
            envelopes: what is around the request in the data; see `get_sqs_batch_handler`.
            kwargs: keyword arguments of the constructor.

        Raises:
            ValueError: there is no such envelope, or the class overrides
                `deserialize_kinesis_record` too.
        """
        from .record_batches import stream_processor

        return cls._make_batch_function(
            lambda: cls(*args, **kwargs),
            cls.should_process_kinesis_record,
            cls._reader("deserialize_kinesis_record", _data_of, envelopes),
            stream_processor("KinesisDataStreams"),
            raise_on_entire_batch_failure,
        )

    @classmethod
    def get_kafka_handler(
        cls,
        *args: Any,
        raise_on_entire_batch_failure: bool = True,
        reports_failures: bool = True,
        envelopes: Sequence[Envelope] = (),
        **kwargs: Any,
    ) -> LambdaHandlerType:
        """Return the function that AWS Lambda calls with batches of Kafka topics.

        The cluster is one of Amazon MSK, or self-managed. Failed records are reported by
        partition and offset.

        Args:
            args: arguments of the constructor.
            raise_on_entire_batch_failure: whether to raise if every record failed.
            reports_failures: whether to report failed records, which AWS reads in provisioned
                mode with ``ReportBatchItemFailures``. Otherwise, set it to `False`: the function
                then raises if any record failed, and AWS delivers the whole batch again.
            envelopes: what is around the request in the value; see `get_sqs_batch_handler`.
            kwargs: keyword arguments of the constructor.

        Raises:
            ValueError: there is no such envelope, or the class overrides
                `deserialize_kafka_record` too.
        """
        from .record_batches import stream_processor

        return cls._make_batch_function(
            lambda: cls(*args, **kwargs),
            cls.should_process_kafka_record,
            cls._reader("deserialize_kafka_record", _value_of, envelopes),
            stream_processor("Kafka"),
            raise_on_entire_batch_failure,
            reports_failures,
        )

    @classmethod
    def should_process_sqs_record(cls, record: SQSRecord) -> bool:  # noqa: ARG003
        """Return whether to handle a message; a skipped message counts as handled."""
        return True

    @classmethod
    def deserialize_sqs_record(cls, record: SQSRecord) -> REQUEST:
        """Return the request in a message: by default, the body as a JSON object."""
        return cls.load_body(_body_of(record))

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
        return cls.load_body(_data_of(record))

    @classmethod
    def should_process_kafka_record(cls, record: KafkaEventRecord) -> bool:  # noqa: ARG003
        """Return whether to handle a record; a skipped record counts as handled."""
        return True

    @classmethod
    def deserialize_kafka_record(cls, record: KafkaEventRecord) -> REQUEST:
        """Return the request in a record: by default, the value as a JSON object.

        ``record.decoded_key``, ``record.decoded_headers`` and ``record.topic`` have the rest.
        """
        return cls.load_body(_value_of(record))

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
    def _reader(
        cls, hook: str, text_of: Callable[[Any], str], envelopes: Sequence[Envelope]
    ) -> Callable[[Any], list[REQUEST]]:
        """Return the function that reads the requests of a record."""
        deserialize = getattr(cls, hook)
        if not envelopes:
            return lambda record: [deserialize(record)]
        from .envelopes import check_envelopes, open_envelopes

        check_envelopes(envelopes)
        if deserialize.__func__ is not getattr(RecordMixins, hook).__func__:
            raise ValueError(
                f"{cls.__name__} overrides {hook}, which envelopes replace: leave out one of them"
            )

        def read(record: Any) -> list[REQUEST]:
            return [
                cls.load_body(content)
                if isinstance(content, str)
                else cls.deserialize_request(content)
                for content in open_envelopes(text_of(record), envelopes)
            ]

        return read

    @classmethod
    def _make_batch_function(
        cls,
        make_handler: Callable[[], RecordMixins[REQUEST, RESPONSE]],
        should_process: Callable[[Any], bool],
        read: Callable[[Any], list[REQUEST]],
        make_processor: MakeProcessor,
        raise_on_entire_batch_failure: bool,
        reports_failures: bool = True,
    ) -> LambdaHandlerType:
        from .record_batches import make_batch_function

        logger = cls.get_logger(cls.service_name())

        def handle_request(request: REQUEST, record: Any, context: Any, metrics: Any) -> None:
            handler = make_handler()
            handler.log, handler.context, handler.metrics = logger, context, metrics
            call_handler(handler, request, record)

        def handle_record(record: Any, context: Any, metrics: Any) -> None:
            if not should_process(record):
                return
            failures = []
            for request in read(record):
                try:
                    handle_request(request, record, context, metrics)
                except Exception as error:
                    failures.append(error)
            if len(failures) > 1:
                raise ExceptionGroup("several requests of the record failed", failures)
            if failures:
                raise failures[0]

        return make_batch_function(
            handle_record,
            make_processor,
            logger=logger,
            new_metrics=lambda: cls.get_metrics(handler_name=cls.handler_name()),
            flush=lambda: flush_middlewares(cls),
            module=cls.__module__,
            raise_on_entire_batch_failure=raise_on_entire_batch_failure,
            reports_failures=reports_failures,
        )


def _body_of(record: SQSRecord) -> str:
    return record.body


def _data_of(record: KinesisStreamRecord) -> str:
    return record.kinesis.data_as_text()


def _value_of(record: KafkaEventRecord) -> str:
    if record.get("value") is None:
        raise ValueError(
            "the record has no value, and deletes its key in a compacted topic: skip it in "
            "should_process_kafka_record, or override deserialize_kafka_record"
        )
    return record.decoded_value.decode()
