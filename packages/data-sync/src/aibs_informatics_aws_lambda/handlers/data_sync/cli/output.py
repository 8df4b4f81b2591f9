"""Output on stdout: lines, JSON, sizes and counts."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from aibs_informatics_aws_lambda.common.cli.output import escaped, printing
from aibs_informatics_aws_lambda.common.files import filename_in_errors
from aibs_informatics_aws_lambda.common.json_io import dump_json_line

from .arguments import check_stdout

if TYPE_CHECKING:
    from aibs_informatics_aws_lambda.common.model import PydanticBaseModel

_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
_UNIT_STEP: Final = 1024


def print_json(response: PydanticBaseModel) -> None:
    """Print a response as one line of JSON with sorted keys."""
    print_lines([dump_json_line(response.to_dict())])


def print_pieces(pieces: Iterable[str]) -> None:
    """Print one line in pieces, which together may not fit in memory."""
    print_lines(pieces, end="")
    print_lines([""])


def print_lines(lines: Iterable[str], end: str = "\n") -> None:
    """Print lines. File names keep their bytes.

    On a terminal, characters that are not printable are escaped, as those of file names that hold
    control sequences or line breaks.
    """
    check_stdout()
    sys.stdout.reconfigure(errors="surrogateescape")  # type: ignore[union-attr]
    shown = map(escaped, lines) if sys.stdout.isatty() else lines
    with filename_in_errors("stdout"), printing(sys.stdout):
        sys.stdout.writelines(f"{line}{end}" for line in shown)


def format_count(number: int, noun: str = "file") -> str:
    """Return a number with its noun: ``1 file``, ``5,000 files``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def format_size(number: int) -> str:
    """Return a number of bytes in a readable unit: ``19.5 MiB``."""
    amount, unit = float(number), _UNITS[0]
    for unit in _UNITS:
        if amount < _UNIT_STEP or unit == _UNITS[-1]:
            break
        amount /= _UNIT_STEP
    return f"{number} {unit}" if unit == _UNITS[0] else f"{amount:.1f} {unit}"


def format_time(time: dt.datetime, separator: str = " ") -> str:
    """Return ``YYYY-MM-DD HH:MM:SS``. Years before 1000 are padded, unlike those of strftime."""
    return time.replace(tzinfo=None).isoformat(separator, "seconds")
