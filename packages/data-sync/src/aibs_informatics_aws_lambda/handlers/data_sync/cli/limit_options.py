"""Options that limit what a run takes or destroys: bytes, requests, retries, and a backup."""

from __future__ import annotations

import argparse
from typing import Any

from . import arguments

_FIELDS = ("bandwidth", "requests_per_second", "retries")
_MOST_RETRIES = 50
# A number without a unit is one of bytes: rclone takes it as KiB, and others as MB.
_LEAST_BANDWIDTH = 1000


def add_bandwidth(group: argparse._ArgumentGroup) -> None:
    """Add the option for the limit of bytes per second."""
    group.add_argument(
        "--bandwidth",
        metavar="SIZE",
        type=_parse_bandwidth,
        help="maximum bytes per second, up and down together, such as 50MB",
    )


def add_backup(group: argparse._ArgumentGroup) -> None:
    """Add the option for what is replaced or deleted."""
    group.add_argument(
        "--backup-dir",
        metavar="PATH",
        dest="backup_path",
        type=arguments.parse_path,
        help="move files at DST to PATH, instead of replacing or deleting them",
    )


def add_limits(group: argparse._ArgumentGroup) -> None:
    """Add the options for the limits of requests and retries."""
    group.add_argument(
        "--requests-per-second",
        metavar="N",
        type=_parse_rate,
        help="send at most N requests per second to S3, including each part of a large file",
    )
    group.add_argument(
        "--retries",
        metavar="N",
        type=_parse_retries,
        help="repeat each failed request to S3, and each local copy that breaks off, up to N "
        "times (default: 9, and 29 where S3 throttles); what the AWS CRT library repeats by "
        "itself is not in the number of requests",
    )


def given_limits(options: argparse.Namespace) -> dict[str, Any]:
    """Return the limits that were given, as request fields."""
    found = vars(options)
    return {name: found[name] for name in _FIELDS if found.get(name) is not None}


@arguments.as_argument
def _parse_bandwidth(text: str) -> int:
    size: int = arguments.parse_size(text)
    if size < _LEAST_BANDWIDTH:
        raise ValueError(
            f"{text!r} is not a rate of at least 1kB per second, such as 50MB or 1GiB"
        )
    return size


@arguments.as_argument
def _parse_rate(text: str) -> float:
    rate: float = arguments.not_negative(text)
    if not rate:
        raise ValueError(f"{text!r} is not a positive number")
    return rate


@arguments.as_argument
def _parse_retries(text: str) -> int:
    if not text.isdecimal() or int(text) > _MOST_RETRIES:
        raise ValueError(f"{text!r} is not an integer from 0 to {_MOST_RETRIES}")
    return int(text)
