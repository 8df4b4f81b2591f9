"""Settings that follow from the environment."""

from __future__ import annotations

import errno
import logging
import os
import resource
import sys

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.s3.client import S3
from aibs_informatics_aws_lambda.handlers.data_sync.s3.requests import head_bucket
from aibs_informatics_aws_lambda.handlers.data_sync.settings import (
    MEMORY_KEY,
    count_buffered_bytes,
    count_connections,
    count_downloads,
    count_held,
    count_open_files,
    count_operations,
    count_threads,
    most_concurrency,
)
from tables import table


@table(
    "memory, files, connections",
    {
        "not on Lambda": ("", 4096, 512),
        "any number of files": ("", -1, 512),
        "two services and files fit in the usual limit": ("", 1024, 372),
        "few files": ("", 256, 84),
        "very few files": ("", 64, 16),
        "the fewest files that do": ("", 24, 1),
        "too few files": ("", 16, 1),
        "a small function with few files": ("512", 64, 16),
        "no number": ("much", 4096, 512),
        "the smallest function": ("128", 1024, 8),
        "a small function": ("512", 1024, 48),
        "a gigabyte": ("1024", 1024, 112),
        "two gigabytes": ("2048", 1024, 240),
        "the largest function": ("10240", 1024, 372),
    },
)
def test_connections_fit_in_the_memory_of_a_function_and_in_the_limit_of_files(
    memory, files, connections
):
    assert count_connections(memory, files) == connections


@table(
    "memory, most",
    {
        "not on Lambda": ("", 96 * 2**20),
        "no number": ("much", 96 * 2**20),
        "the smallest function": ("128", 8 * 2**20),
        "a small function": ("256", 32 * 10**6),
        "half a gigabyte": ("512", 96 * 10**6),
        "the largest function": ("10240", 96 * 2**20),
    },
)
def test_whole_objects_in_memory_fit_in_that_of_a_function(memory, most):
    assert count_buffered_bytes(memory) == most


@table(
    "files, concurrency",
    {
        "any number of files": (-1, sys.maxsize),
        "many files": (65536, 24_564),
        "the usual limit": (1024, 372),
        "few files": (128, 36),
        "very few files": (40, 7),
        "the fewest files that do": (24, 1),
        "too few files": (16, 1),
    },
)
def test_no_request_has_more_connections_than_fit_in_the_limit_of_files(files, concurrency):
    assert most_concurrency(files) == concurrency


@table(
    "files, downloads",
    {
        "any number of files": (-1, None),
        "the usual limit": (1024, 248),
        "few files": (64, 11),
        "the fewest files that do": (24, 1),
        "too few files": (16, 1),
    },
)
def test_downloads_with_their_folders_fit_in_the_limit_of_files(files, downloads):
    assert count_downloads(files) == downloads


@table(
    "cores, files, threads",
    {
        "any number of files": (96, -1, 96),
        "a thread for each core": (4, 1024, 4),
        "event loops leave files to others": (96, 1024, 16),
        "few files": (4, 128, 2),
        "very few files": (4, 30, 1),
    },
)
def test_threads_for_large_files_fit_in_the_limit_of_files(cores, files, threads):
    assert count_threads(cores, files) == threads


@table(
    "files, operations",
    {
        "any number of files": (-1, 64),
        "the usual limit": (1024, 64),
        "few files": (100, 40),
        "very few files": (30, 5),
        "too few files": (16, 1),
    },
)
def test_operations_of_slow_file_systems_fit_in_the_limit_of_files(files, operations):
    assert count_operations(files) == operations


def test_client_that_cannot_have_its_event_loops_is_an_error_of_one_sentence(s3, monkeypatch):
    opened = []

    def open_few(*arguments: object) -> int:
        if len(opened) == 8:
            raise OSError(errno.EMFILE, "Too many open files")
        opened.append(os.dup(0))
        return opened[-1]

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", open_few)
        with pytest.raises(OSError, match=r"connections to S3: .* Raise the limit \(ulimit -n\)"):
            S3(1).ask(head_bucket("bucket"))
    for file in opened:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(file)


@table(
    "files, held",
    {
        "any number of files": (-1, 64),
        "the usual limit": (1024, 64),
        "few files": (256, 32),
        "very few files": (64, 8),
    },
)
def test_directories_that_are_held_leave_files_to_others(files: int, held: int):
    assert count_held(files) == held


@pytest.mark.parametrize("limit", [300, 600])
def test_limit_of_files_is_that_of_the_process(limit):
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, before[1]))
    try:
        assert count_open_files() == limit
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.usefixtures("s3")
def test_connections_of_a_function_are_said_at_debug_level(monkeypatch, caplog):
    monkeypatch.setenv(MEMORY_KEY, "512")
    caplog.set_level(logging.DEBUG)
    S3(48)
    assert "Connections: up to 48, in 512 MB of memory" in caplog.text
