"""Requests to S3 and an estimate of what they cost."""

from collections.abc import Mapping
from typing import Final, NamedTuple

PRICES_AS_OF: Final = "January 2025"
"""The month of the price list that `PRICES` is from."""

PRICES_FOR: Final = "S3 Standard in us-east-1"
"""The storage class and the region of `PRICES`."""

PRICES: Final[Mapping[str, float]] = {
    "PUT, COPY, POST, LIST": 0.005,
    "GET and all others": 0.0004,
    "DELETE": 0.0,
}
"""US dollars for 1,000 requests, by their class in the price list:
https://aws.amazon.com/s3/pricing/"""

_WRITES: Final = frozenset(
    {
        "CompleteMultipartUpload",
        "CopyObject",
        "CreateMultipartUpload",
        "ListBuckets",
        "ListObjectVersions",
        "ListObjectsV2",
        "PutObject",
        "PutObjectTagging",
        "UploadPart",
        "UploadPartCopy",
    }
)


class RequestCost(NamedTuple):
    """The requests of an operation.

    Args:
        operation: the operation of the S3 API.
        price_class: its class in the price list.
        requests: the number of requests.
        dollars: their estimated cost in US dollars.
    """

    operation: str
    price_class: str
    requests: int
    dollars: float


def estimate_costs(requests: Mapping[str, int]) -> list[RequestCost]:
    """Return the cost of requests, the most expensive first.

    Args:
        requests: the number of requests by operation.
    """
    costs = [_cost(operation, count) for operation, count in requests.items() if count]
    return sorted(costs, key=lambda cost: (-cost.dollars, -cost.requests, cost.operation))


def _cost(operation: str, count: int) -> RequestCost:
    price_class = _price_class(operation)
    return RequestCost(operation, price_class, count, count * PRICES[price_class] / 1000)


def _price_class(operation: str) -> str:
    if operation.startswith(("Delete", "Abort")):
        return "DELETE"
    return "PUT, COPY, POST, LIST" if operation in _WRITES else "GET and all others"
