"""Envelopes: what AWS services put around a message that they send to a queue or a stream."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias, get_args
from urllib.parse import unquote_plus

from .exceptions import ValidationError
from .json_io import JSON, JSONObject, parse_json
from .model import AwareIsoDateTime, PydanticBaseModel
from .s3 import S3Path

Envelope: TypeAlias = Literal["sns", "eventbridge", "s3"]
"""``sns``: the message of an SNS notification, unless the subscription has raw message delivery.
``eventbridge``: the ``detail`` of an EventBridge event. ``s3``: the objects of an S3 event
notification, or of an EventBridge event from S3, each as the fields of an `S3ObjectEvent`."""

Content: TypeAlias = JSONObject | str
"""A JSON object, or the text of a document."""


class S3ObjectEvent(PydanticBaseModel):
    """What happened to an object: the request of a handler of the envelope ``s3``."""

    event_name: str
    """Such as ``ObjectCreated:Put`` or, from EventBridge, ``Object Created``."""
    bucket: str
    key: str
    """The key, decoded."""
    event_time: AwareIsoDateTime | None = None
    region: str | None = None
    size: int | None = None
    etag: str | None = None
    version_id: str | None = None
    sequencer: str | None = None
    """Orders the events of a key: a longer or greater hexadecimal number is later."""

    @property
    def path(self) -> S3Path:
        """The URI of the object.

        Raises:
            ValidationError: the key has repeated slashes, which an `S3Path` does not keep.
        """
        path = S3Path.build(self.bucket, self.key)
        if path.key != self.key:
            raise ValidationError(
                "the key cannot be written as an S3Path, which does not keep repeated slashes: "
                "use bucket and key"
            )
        return path


def check_envelopes(envelopes: Sequence[str]) -> None:
    """Raise `ValueError` if there is no such envelope."""
    known = get_args(Envelope)
    # Text would be a sequence of letters.
    if isinstance(envelopes, str):
        raise ValueError(f"envelopes is a string: pass a sequence, such as ({envelopes!r},)")
    for name in envelopes:
        if name not in known:
            raise ValueError(f"unknown envelope {name!r}: expected one of {', '.join(known)}")


def open_envelopes(text: str, envelopes: Sequence[Envelope]) -> list[Content]:
    """Return what is in the envelopes of a message, of which S3 may send several.

    Args:
        text: the text of the message.
        envelopes: the envelopes, the outermost first.

    Raises:
        ValueError: the message is not in such envelopes; the text does not contain values of it.
    """
    contents: list[Content] = [text]
    for name in envelopes:
        contents = [inner for content in contents for inner in _OPEN[name](_as_object(content))]
    return contents


def _as_object(content: Content) -> JSONObject:
    document: JSON = parse_json(content) if isinstance(content, str) else content
    if not isinstance(document, dict):
        raise ValueError(f"expected a JSON object in the record, got {type(document).__name__}")
    return document


def _open_sns(document: JSONObject) -> list[Content]:
    message = document.get("Message")
    if document.get("Type") != "Notification" or not isinstance(message, str):
        raise ValueError(
            "the record is not an SNS notification. If the subscription has raw message "
            "delivery, leave out the envelope sns."
        )
    return [message]


def _open_eventbridge(document: JSONObject) -> list[Content]:
    detail = document.get("detail")
    if "detail-type" not in document or not isinstance(detail, dict):
        raise ValueError(
            "the record is not an EventBridge event. If the rule transforms its input, leave out "
            "the envelope eventbridge."
        )
    return [detail]


def _open_s3(document: JSONObject) -> list[Content]:
    # S3 sends it when notifications are configured.
    if document.get("Event") == "s3:TestEvent":
        return []
    try:
        if document.get("source") == "aws.s3":
            return [_from_eventbridge(document)]
        return [_from_notification(record) for record in document["Records"]]
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(
            "the record is neither an S3 event notification nor an EventBridge event from S3"
        ) from error


def _from_notification(record: Any) -> JSONObject:
    stored = record["s3"]["object"]
    return {
        "event_name": record["eventName"],
        "event_time": record.get("eventTime"),
        "region": record.get("awsRegion"),
        "bucket": record["s3"]["bucket"]["name"],
        # As in a form, unlike keys in EventBridge events.
        "key": unquote_plus(stored["key"]),
        "size": stored.get("size"),
        "etag": stored.get("eTag"),
        "version_id": stored.get("versionId"),
        "sequencer": stored.get("sequencer"),
    }


def _from_eventbridge(document: JSONObject) -> JSONObject:
    stored = document["detail"]["object"]
    return {
        "event_name": document["detail-type"],
        "event_time": document.get("time"),
        "region": document.get("region"),
        "bucket": document["detail"]["bucket"]["name"],
        "key": stored["key"],
        "size": stored.get("size"),
        "etag": stored.get("etag"),
        "version_id": stored.get("version-id"),
        "sequencer": stored.get("sequencer"),
    }


_OPEN: dict[Envelope, Callable[[JSONObject], list[Content]]] = {
    "sns": _open_sns,
    "eventbridge": _open_eventbridge,
    "s3": _open_s3,
}
