"""``data-sync cat``: write files and objects to stdout."""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

from aibs_informatics_aws_lambda.common.cli.errors import CommandError, ExitCode
from aibs_informatics_aws_lambda.common.cli.output import printing
from aibs_informatics_aws_lambda.common.exceptions import ResourceNotFoundError
from aibs_informatics_aws_lambda.common.files import filename_in_errors
from aibs_informatics_aws_lambda.common.s3 import S3Path
from aibs_informatics_aws_lambda.storage.locations import parse_data_path

from ..locations import Location, resolve
from ..rate_limits import RateLimits
from .arguments import PROGRAM, Parser, add_output_options, check_stdout
from .connection import add_connection_options, use_connection
from .messages import configure_logging
from .object_reader import VERSION, ObjectReader
from .wildcards import expand_source

if TYPE_CHECKING:
    from aibs_informatics_aws_lambda.storage.data_sync.connection import S3Connection

_PROGRAM = f"{PROGRAM} cat"
_BLOCK_BYTES = 2**20
_UNLIMITED = RateLimits()

_DESCRIPTION = """\
Write files and objects to stdout, one after another. Sources may have wildcards.
"""

_EXAMPLES = f"""\
examples:
  {_PROGRAM} s3://bucket/results/summary.json
  {_PROGRAM} 's3://bucket/logs/2026-01-*.log' | grep ERROR
  {_PROGRAM} 's3://bucket/results/summary.json?versionId=VERSION'
"""


def run(arguments: Sequence[str]) -> ExitCode:
    """Write the sources given by the arguments to stdout.

    Raises:
        OSError: a file does not exist or cannot be read.
        AWSError: an object does not exist or cannot be read.
    """
    options = make_parser().parse_args(arguments)
    configure_logging(_PROGRAM, verbose=options.verbose, form=options.log_format)
    use_connection(options)
    write_to_stdout(options.sources)
    return ExitCode.DONE


def make_parser() -> Parser:
    """Return the parser."""
    parser = Parser(_PROGRAM, _DESCRIPTION, _EXAMPLES, usage="%(prog)s [options] SRC...")
    parser.add_argument(
        "sources", metavar="SRC", nargs="+", help="S3 URI, EFS path or local path of a file"
    )
    add_connection_options(parser)
    add_output_options(parser, has_json=False)
    return parser


def write_to_stdout(
    sources: Iterable[str],
    connection: S3Connection | None = None,
    limits: RateLimits = _UNLIMITED,
) -> None:
    """Write files and objects to stdout, one after another.

    Args:
        sources: their paths and URIs, which may have wildcards.
        connection: the connection to S3, if not that of the environment.
        limits: the limits of bytes and requests per second.

    Raises:
        OSError: a file does not exist or cannot be read.
        AWSError: an object does not exist or cannot be read.
    """
    check_stdout()
    reader = ObjectReader(connection)
    # With a limit of requests, each object is a single one.
    block_bytes = limits.block_bytes or (_BLOCK_BYTES if limits.requests_per_second else None)
    with filename_in_errors("stdout"), printing(sys.stdout):
        for text in sources:
            is_version = VERSION in text
            found = [parse_data_path(text)] if is_version else expand_source(text, connection)
            for source in found:
                location = resolve(source)
                limits.take(requests=isinstance(location, S3Path))
                with closing(_read(location, reader, block_bytes)) as blocks:
                    for block in blocks:
                        limits.take(len(block))
                        sys.stdout.buffer.write(block)
        sys.stdout.buffer.flush()


def _read(location: Location, reader: ObjectReader, block_bytes: int | None) -> Generator[bytes]:
    if isinstance(location, S3Path):
        if not location.key:
            raise CommandError(f"{location} is a bucket: name an object, or use wildcards")
        try:
            yield from reader.read(location, block_bytes)
        except ResourceNotFoundError as error:
            if location.has_folder_suffix():
                advice = f"name an object, or use wildcards: '{location}*'"
                raise CommandError(f"{location} is a prefix: {advice}") from error
            raise
        return
    with filename_in_errors(location), location.open("rb") as file:
        yield from iter(partial(file.read, block_bytes or _BLOCK_BYTES), b"")
