"""Sizes, counts and times in the output of the command."""

from __future__ import annotations

from datetime import UTC, datetime

from aibs_informatics_aws_lambda.handlers.data_sync.cli.output import format_size, format_time
from pydantic import ByteSize
from tables import table


@table(
    "time, text",
    {
        "a time has no fraction": (datetime(2026, 1, 2, 3, 4, 5, 6), "2026-01-02 03:04:05"),
        "a time before 1970": (datetime(1901, 1, 1), "1901-01-01 00:00:00"),
        "a year has four digits": (datetime.min, "0001-01-01 00:00:00"),
        "a time in UTC": (datetime(2026, 1, 1, tzinfo=UTC), "2026-01-01 00:00:00"),
    },
)
def test_time(time, text):
    assert format_time(time) == text
    assert format_time(time, "T") == text.replace(" ", "T")


@table(
    "number, text",
    {
        "no bytes": (0, "0 B"),
        "bytes have no fraction": (1023, "1023 B"),
        "a unit": (1024, "1.0 KiB"),
        "a fraction": (20_447_232, "19.5 MiB"),
        "nearly a unit": (2**20 - 1, "1024.0 KiB"),
        "the largest unit has no limit": (2**74, "16384.0 EiB"),
    },
)
def test_size(number, text):
    assert format_size(number) == text
    assert ByteSize(number).human_readable(separator=" ") == text
