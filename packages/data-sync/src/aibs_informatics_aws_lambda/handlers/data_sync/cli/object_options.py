"""Options for how objects are stored."""

import argparse
from typing import Any

from .arguments import as_argument, parse_size

_TEXTS = (
    ("--content-type", "TYPE", "content type of uploaded objects (default: by file name)"),
    ("--cache-control", "TEXT", "Cache-Control header"),
    ("--content-disposition", "TEXT", "Content-Disposition header"),
    ("--content-encoding", "TEXT", "Content-Encoding header, such as gzip"),
    ("--content-language", "TEXT", "Content-Language header"),
    ("--storage-class", "CLASS", "such as STANDARD_IA, INTELLIGENT_TIERING or GLACIER_IR"),
    ("--sse-kms-key-id", "ID", "KMS key for --sse aws:kms"),
    ("--acl", "NAME", "canned ACL, such as bucket-owner-full-control"),
)
_PAIRS = (
    ("--metadata", "user-defined metadata; repeatable"),
    ("--tags", "object tag; repeatable"),
)
_MIN_PART_BYTES, _MAX_PART_BYTES = 5 * 2**20, 2**30
_ENCRYPTIONS = ("AES256", "aws:kms", "aws:kms:dsse")


def add_object_options(group: argparse._ArgumentGroup) -> None:
    """Add the options."""
    for option, metavar, text in _TEXTS:
        group.add_argument(option, metavar=metavar, help=text)
    for option, text in _PAIRS:
        group.add_argument(
            option, metavar="KEY=VALUE", type=_parse_pair, action="append", help=text
        )
    group.add_argument(
        "--sse",
        nargs="?",
        const="AES256",
        choices=_ENCRYPTIONS,
        help="server-side encryption: AES256 (default of the option), aws:kms or aws:kms:dsse",
    )
    group.add_argument(
        "--part-size",
        metavar="SIZE",
        type=_parse_part_size,
        help="parts of uploads, 5MiB to 1GiB (default: 8MiB, or what 10,000 parts need)",
    )
    group.add_argument(
        "--no-guess-mime-type",
        dest="guess_content_type",
        action="store_false",
        help="upload without a content type, instead of guessing it by file name",
    )


def given_settings(options: argparse.Namespace) -> dict[str, Any]:
    """Return the settings for the options that were given."""
    names = [option.lstrip("-").replace("-", "_") for option, *_ in _TEXTS]
    given = {name: vars(options)[name] for name in (*names, "sse", "part_size")}
    pairs = {option.lstrip("-"): vars(options)[option.lstrip("-")] for option, _ in _PAIRS}
    given.update({name: dict(found) for name, found in pairs.items() if found})
    return {name: value for name, value in given.items() if value is not None}


def make_settings(
    options: argparse.Namespace, *, from_s3: bool, to_s3: bool
) -> dict[str, Any] | None:
    """Return the field ``object_settings`` of a request.

    Uploads have the content type of their file names, and copies within S3 the storage class and
    encryption of their sources, unless options say otherwise.

    Raises:
        ValueError: options for objects are given, and the destination is not in S3.
    """
    given = given_settings(options)
    if not to_s3:
        if given:
            names = ", ".join(f"--{name.replace('_', '-')}" for name in given)
            raise ValueError(f"{names}: only for destinations in S3")
        return None
    if from_s3:
        return {**given, "keep": True}
    return {**given, "guess_content_type": True} if options.guess_content_type else given or None


@as_argument
def _parse_part_size(text: str) -> int:
    size: int = parse_size(text)
    if not _MIN_PART_BYTES <= size <= _MAX_PART_BYTES:
        raise ValueError(f"{text!r} is not a size from 5MiB to 1GiB")
    return size


@as_argument
def _parse_pair(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not name or not separator:
        raise ValueError(f"{text!r} is not KEY=VALUE")
    return name, value
