"""Settings that follow from the environment."""

from __future__ import annotations

import logging

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.s3.client import S3
from aibs_informatics_aws_lambda.handlers.data_sync.settings import MEMORY_KEY, count_connections
from tables import table


@table(
    "memory, connections",
    {
        "not on Lambda": ("", 256),
        "no number": ("much", 256),
        "the smallest function": ("128", 8),
        "a small function": ("512", 48),
        "a gigabyte": ("1024", 112),
        "two gigabytes": ("2048", 240),
        "the largest function": ("10240", 256),
    },
)
def test_connections_fit_in_the_memory_of_a_function(memory, connections):
    assert count_connections(memory) == connections


@pytest.mark.usefixtures("s3")
def test_connections_of_a_function_are_said_at_debug_level(monkeypatch, caplog):
    monkeypatch.setenv(MEMORY_KEY, "512")
    caplog.set_level(logging.DEBUG)
    S3(48)
    assert "Connections: up to 48, in 512 MB of memory" in caplog.text
