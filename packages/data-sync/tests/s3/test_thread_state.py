"""Python's state of the threads of awscrt, which would be made anew for each call."""

from __future__ import annotations

import hashlib
import threading

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.s3.client import S3
from aibs_informatics_aws_lambda.handlers.data_sync.s3.requests import ObjectVersion, get_version

VERSION = ObjectVersion("bucket", "a", hashlib.md5(b"x").hexdigest())


class States:
    """Counts the states that Python makes for each thread that it is called in."""

    def __init__(self) -> None:
        self._state = threading.local()
        self.made: list[int] = []

    def note(self, _: object) -> None:
        if not hasattr(self._state, "is_known"):
            self._state.is_known = True
            self.made.append(threading.get_ident())


@pytest.fixture
def states() -> States:
    return States()


def test_thread_that_takes_bodies_has_one_state(bucket, states):
    bucket.put("a", "x")
    s3 = S3(4)
    request = get_version(VERSION, 1)

    for _ in range(20):
        s3.send(request, take=states.note).result()

    assert states.made
    assert len(states.made) == len(set(states.made))


def test_thread_that_tells_progress_has_one_state(bucket, states, tmp_path):
    bucket.put("a", "x")
    s3 = S3(4)

    for number in range(20):
        file = str(tmp_path / str(number))
        request = get_version(VERSION, 1)._replace(receive_file=file)
        s3.send(request, on_bytes=states.note).result()

    assert states.made
    assert len(states.made) == len(set(states.made))
