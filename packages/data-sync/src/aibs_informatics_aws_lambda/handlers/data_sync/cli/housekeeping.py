"""Helpers of the verbs that list, scan and remove files."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar, cast

from aibs_informatics_aws_lambda.common.s3 import S3Path
from aibs_informatics_aws_lambda.storage.locations import DataLocation
from aibs_informatics_aws_lambda.storage.quoted_names import unquote_name

if TYPE_CHECKING:
    from aibs_informatics_aws_lambda.common.handler import LambdaHandler
    from aws_lambda_powertools import Logger

H = TypeVar("H", bound="LambdaHandler[Any, Any]")


def with_plain_log(handler: H) -> H:
    """Return a handler that logs plain text to stderr."""
    # By default handlers log JSON to stdout, for Lambda.
    handler.log = cast("Logger", logging.getLogger(type(handler).__module__))
    return handler


def absolute_paths(root: DataLocation, paths: Iterable[str]) -> Iterator[str]:
    """Yield the paths of a response in full: keys as S3 URIs, names with their bytes."""
    if isinstance(root, S3Path):
        yield from (f"s3://{root.bucket}/{key}" for key in paths)
    else:
        yield from map(unquote_name, paths)


def add_separator(group: argparse._ArgumentGroup) -> None:
    """Add the option ``--null``."""
    group.add_argument(
        "-0",
        "--null",
        dest="end",
        action="store_const",
        const="\0",
        default="\n",
        help="end each path with NUL instead of a newline, for xargs -0",
    )
