"""What the service behind an endpoint supports: found out once, and said once.

AWS supports everything that a sync uses. Services compatible with S3 differ, and many do not
report what they ignore.
"""

import logging
import time
from enum import Enum
from http import HTTPStatus

logger = logging.getLogger(__name__)

# Codes and statuses of services that do not know the frames of a trailing checksum. Ceph takes
# them for the content, which does not have the hash that the request names.
_TRAILER_CODES = frozenset(
    {"XAmzContentSHA256Mismatch", "SignatureDoesNotMatch", "IncompleteBody", "BadDigest"}
)
_TRAILER_STATUSES = frozenset(
    {HTTPStatus.BAD_REQUEST, HTTPStatus.LENGTH_REQUIRED, HTTPStatus.NOT_IMPLEMENTED}
)


class Feature(Enum):
    """A feature that a service may lack, with what a sync does instead."""

    TAGS = "object tags: copies have none"
    TRAILERS = "trailing checksums: parts of large files are sent with a checksum in a header"


class Service:
    """The service behind an endpoint.

    Args:
        endpoint: the URL of the endpoint, for messages.
        is_aws: whether it is AWS.

    Attributes:
        deletes_on_condition: whether objects are deleted only if they have the ETag that a request
            names; `None` if that is not known yet.
    """

    def __init__(self, endpoint: str, *, is_aws: bool) -> None:
        self.is_aws = is_aws
        self.deletes_on_condition = True if is_aws else None
        self.endpoint = endpoint
        self._lacks: set[Feature] = set()
        self._served: dict[tuple[str, str], str] = {}
        self._start = time.monotonic()

    @property
    def seconds(self) -> float:
        """The seconds since the service was first used."""
        return time.monotonic() - self._start

    def supports(self, feature: Feature) -> bool:
        """Return whether the service supports a feature, as far as that is known."""
        return feature not in self._lacks

    def note_lack(self, feature: Feature) -> None:
        """Note that the service does not support a feature."""
        if feature not in self._lacks:
            self._lacks.add(feature)
            logger.warning("%s does not support %s", self.endpoint, feature.value)

    def note_served(self, bucket: str, key: str, etag: str) -> None:
        """Note the ETag under which an object is served, if another one is listed."""
        self._served[bucket, key] = etag

    def served_etag(self, bucket: str, key: str) -> str | None:
        """Return the ETag under which an object is served, if that was noted."""
        return self._served.get((bucket, key))


def refuses_trailer(status: int | None, code: str) -> bool:
    """Return whether a refused upload may succeed without a trailing checksum."""
    return status in _TRAILER_STATUSES or code in _TRAILER_CODES
