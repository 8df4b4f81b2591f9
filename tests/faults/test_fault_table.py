"""Every verb and every fault: nothing is lost, and the next run completes the work.

All cells run with `hatch run faults`; a few, which the seed chooses, run with all other tests.
"""

from __future__ import annotations

import errno
import os
import random
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.common.exceptions import AWSError
from aibs_informatics_aws_lambda.handlers.data_sync.s3 import client
from aibs_informatics_aws_lambda.handlers.data_sync.sync.transfers import local_copy
from fault_worlds import VERBS, World, run_verb
from faulty_s3 import Call, Fault, FaultyS3, Reply, faulty_s3, refusal
from servers import aws_settings

SEED = 17
SAMPLE = 24
MOST_LISTINGS = 200

WRITES = ("PutObject", "CopyObject")
HTML = Reply(body=b"<html><body>Welcome to the proxy</body></html>")


def on(*operations: str, first: int | None = None):
    """Make a fault of what replaces the responses of some operations, perhaps the first only."""

    def fault(respond: Callable[[Call, Callable[[], Reply]], Reply]) -> Fault:
        def misbehave(call: Call, proceed: Callable[[], Reply]) -> Reply:
            if call.operation not in operations or (first and call.number > first):
                return proceed()
            return respond(call, proceed)

        return misbehave

    return fault


def edit(pattern: str, replacement: str) -> Callable[[Call, Callable[[], Reply]], Reply]:
    """Change the text of responses."""

    def respond(_: Call, proceed: Callable[[], Reply]) -> Reply:
        reply = proceed()
        text = re.sub(pattern, replacement, reply.body.decode(), flags=re.DOTALL)
        return replace(reply, body=text.encode())

    return respond


def always(reply: Reply) -> Callable[[Call, Callable[[], Reply]], Reply]:
    return lambda *_: reply


def half_a_page(_: Call, proceed: Callable[[], Reply]) -> Reply:
    reply = proceed()
    return replace(reply, body=reply.body[: len(reply.body) // 2])


def endless(body: str) -> Callable[[Call, Callable[[], Reply]], Reply]:
    """List pages that never end, until a client should long have noticed."""

    def respond(call: Call, _: Callable[[], Reply]) -> Reply:
        if call.number > MOST_LISTINGS:
            return refusal(400, "TheClientListsForEver")
        return Reply(body=body.replace("NUMBER", str(call.number)).encode())

    return respond


PAGE = (
    "<ListBucketResult><Name>bucket</Name><EncodingType>url</EncodingType>"
    "<IsTruncated>true</IsTruncated>"
)


def cut(_: Call, proceed: Callable[[], Reply]) -> Reply:
    reply = proceed()
    return replace(reply, sends=len(reply.body) // 2)


def trickle(_: Call, proceed: Callable[[], Reply]) -> Reply:
    return replace(proceed(), pause=partial(time.sleep, 0.0005))


def shorten(_: Call, proceed: Callable[[], Reply]) -> Reply:
    reply = proceed()
    return replace(reply, body=reply.body[: len(reply.body) // 2])


def storm(reply: Reply, *, of_each: int) -> Fault:
    """Refuse all requests but one of each so many."""
    number = iter(range(1_000_000))
    return lambda _, proceed: proceed() if next(number) % of_each == 0 else reply


def elsewhere(call: Call, _: Callable[[], Reply]) -> Reply:
    """Say of each region that the bucket is in the other one."""
    region = "us-east-1" if "/us-west-2/" in call.headers["authorization"] else "us-west-2"
    moved = refusal(301, "PermanentRedirect")
    return replace(moved, headers={**moved.headers, "x-amz-bucket-region": region})


def archived(call: Call, proceed: Callable[[], Reply]) -> Reply:
    return refusal(403, "InvalidObjectState") if call.key == "src/d" else proceed()


LISTING_FAULTS: dict[str, Fault] = {
    "a page that says there are more, and not where": on("ListObjectsV2")(
        edit(
            r"<IsTruncated>false(.*?</Contents>).*</Contents>",
            r"<IsTruncated>true\1",
        )
    ),
    "a page of HTML": on("ListObjectsV2")(always(HTML)),
    "an empty page": on("ListObjectsV2")(always(Reply())),
    "a page that is cut": on("ListObjectsV2")(half_a_page),
    "a page of another bucket": on("ListObjectsV2")(
        edit(r"<Name>bucket</Name>.*", "<Name>another</Name></ListBucketResult>")
    ),
    "a page of another prefix": on("ListObjectsV2")(
        edit(r"<Prefix>.*", "<Prefix>other/</Prefix></ListBucketResult>")
    ),
    "one token again and again": on("ListObjectsV2")(
        endless(f"{PAGE}<NextContinuationToken>t</NextContinuationToken></ListBucketResult>")
    ),
    "empty pages without an end": on("ListObjectsV2")(
        endless(f"{PAGE}<NextContinuationToken>NUMBER</NextContinuationToken></ListBucketResult>")
    ),
    "a listing that is refused": on("ListObjectsV2")(always(refusal(403, "AccessDenied"))),
}

# Each is a response of 200 to something that was not done.
SUCCESS_FAULTS: dict[str, Fault] = {
    "writes that are taken by a proxy": on(*WRITES)(always(HTML)),
    "writes that are taken by nobody": on(*WRITES)(always(Reply())),
    "copies that end in an error": on("CopyObject")(
        always(Reply(body=b"<Error><Code>InternalError</Code></Error>"))
    ),
    "deletions that are taken by a proxy": on("DeleteObjects")(always(HTML)),
    "deletions that are taken by nobody": on("DeleteObjects")(always(Reply())),
}

BODY_FAULTS: dict[str, Fault] = {
    "first bodies that break off": on("GetObject", first=3)(cut),
    "bodies that all break off": on("GetObject")(cut),
    "bodies that are too short": on("GetObject")(shorten),
    "bodies that trickle": on("GetObject")(trickle),
}

STORM_FAULTS: dict[str, Callable[[], Fault]] = {
    "a storm of 500": lambda: storm(refusal(500, "InternalError"), of_each=3),
    "a storm of 503": lambda: storm(refusal(503, "SlowDown"), of_each=3),
    "a storm of 429": lambda: storm(refusal(429, "TooManyRequests"), of_each=3),
    "a storm of 502, from a gateway": lambda: storm(Reply(502), of_each=3),
    "503 for ever": lambda: always(refusal(503, "SlowDown")),
    "429 for ever": lambda: always(refusal(429, "TooManyRequests")),
    "a bucket that is always elsewhere": lambda: elsewhere,
}


@dataclass
class Patch:
    """A fault of the operating system: calls that fail for paths below a folder."""

    function: str
    error: int
    where: str

    def apply(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        real = getattr(os, self.function)
        root = f"{world.folder}/{self.where}"

        def fails(path, *arguments, **named):
            flags = arguments[0] if arguments and self.function == "open" else os.O_WRONLY
            text = os.fspath(path) if not isinstance(path, int) else ""
            folder = named.get("dir_fd", named.get("src_dir_fd"))
            if folder is not None:
                text = f"{Path(f'/proc/self/fd/{folder}').readlink()}/{text}"
            if text.startswith(root) and flags & os.O_WRONLY:
                raise OSError(self.error, os.strerror(self.error), text)
            return real(path, *arguments, **named)

        monkeypatch.setattr(os, self.function, fails)


# Folders without the slash at their end; below the root, and the root itself.
DISK_FAULTS: dict[str, Patch] = {
    "a folder of the source that is stale": Patch("scandir", errno.ESTALE, "src/b"),
    "a folder of the source that cannot be read": Patch("scandir", errno.EIO, "src/b"),
    "a folder of the source that is not permitted": Patch("scandir", errno.EACCES, "src/b"),
    "a source that is stale": Patch("scandir", errno.ESTALE, "src"),
    "a source that is no folder": Patch("scandir", errno.ENOTDIR, "src"),
    "a folder of the destination that is stale": Patch("scandir", errno.ESTALE, "dst/b"),
    "a folder of the destination that cannot be read": Patch("scandir", errno.EIO, "dst/b"),
    "a disk that is full": Patch("open", errno.ENOSPC, "dst/b"),
    "a quota that is used up": Patch("open", errno.EDQUOT, "dst/b"),
    "a disk that times out": Patch("open", errno.ETIMEDOUT, "dst/b"),
    "a rename that fails": Patch("replace", errno.EIO, "dst/b"),
    "a removal that fails": Patch("unlink", errno.EIO, "src/b"),
}


def changed(*operations: str, path: str, content: bytes | None) -> Callable[[World], Fault]:
    """Replace or delete an entry of the source just before it is read."""

    def make(world: World) -> Fault:
        def respond(call: Call, proceed: Callable[[], Reply]) -> Reply:
            if call.key.endswith(path) and world.contents.get(path) != content:
                world.change_source(path, content)
            return proceed()

        return on(*operations)(respond)

    return make


OF_OTHER_SIZE, OF_ONE_SIZE, SHORTER = b"d, as a user has changed it", b"d, new as wolf", b"d"

OBJECT_CHANGES: dict[str, Callable[[World], Fault]] = {
    "an object that is replaced": changed(
        "GetObject", "CopyObject", path="d", content=OF_OTHER_SIZE
    ),
    "an object that is replaced by one of its size": changed(
        "GetObject", "CopyObject", path="d", content=OF_ONE_SIZE
    ),
    "an object that is deleted": changed("GetObject", "CopyObject", path="d", content=None),
    "an object that is archived": lambda _: on("GetObject", "CopyObject")(archived),
}
FILE_CHANGES: dict[str, Callable[[World], Fault]] = {
    "a file that grows": changed("PutObject", path="d", content=OF_OTHER_SIZE),
    "a file that shrinks": changed("PutObject", path="d", content=SHORTER),
    "a file that is replaced by one of its size": changed(
        "PutObject", path="d", content=OF_ONE_SIZE
    ),
    "a file that is deleted": changed("PutObject", path="d", content=None),
}


# Errors that a run may raise: each names its cause, and none is a bug by itself.
ERRORS = (AWSError, OSError, ValueError)

Cell = tuple[str, str]

NOTHING = "nothing"


def cells() -> Iterator[Cell]:
    """Every verb, with every fault that it can meet."""
    for name, verb in VERBS.items():
        faults = [NOTHING]
        if "s3" in (verb.source, verb.destination):
            faults += [*LISTING_FAULTS, *STORM_FAULTS]
        if verb.destination == "s3":
            faults += [*SUCCESS_FAULTS, *(OBJECT_CHANGES if verb.source == "s3" else FILE_CHANGES)]
        elif verb.source == "s3":
            faults += [*BODY_FAULTS, *OBJECT_CHANGES]
        faults += [fault for fault in DISK_FAULTS if _concerns(verb, fault)]
        yield from ((name, fault) for fault in faults)


def _concerns(verb, fault: str) -> bool:
    side = verb.source if DISK_FAULTS[fault].where.startswith("src") else verb.destination
    return side == "local"


def parameters() -> Iterator[object]:
    everything = list(cells())
    sample = set(random.Random(SEED).sample(everything, SAMPLE))
    for cell in everything:
        marks = [] if cell in sample else [pytest.mark.faults]
        yield pytest.param(*cell, id=": ".join(cell), marks=marks)


@pytest.fixture(scope="module")
def server() -> Iterator[FaultyS3]:
    with faulty_s3() as s3:
        yield s3


@pytest.fixture
def s3(server: FaultyS3, no_aws: None, monkeypatch: pytest.MonkeyPatch) -> FaultyS3:
    """An empty server. What it, or the disk, refuses is tried again at once."""
    server.reset()
    for name, value in aws_settings(server.url).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(client, "_FIRST_WAIT_MS", 1)
    monkeypatch.setattr(client, "_RETRIES", 5)
    monkeypatch.setattr(local_copy, "_FIRST_WAIT_SECONDS", 0.001)
    return server


@pytest.mark.parametrize(("verb", "fault"), list(parameters()))
def test_nothing_is_lost_and_the_next_run_completes(
    s3: FaultyS3, tmp_path: Path, lambda_context, monkeypatch, verb: str, fault: str
):
    world = World(VERBS[verb], s3, tmp_path)
    completed = True
    with monkeypatch.context() as patch:
        if fault in DISK_FAULTS:
            DISK_FAULTS[fault].apply(world, patch)
        elif fault != NOTHING:
            s3.fault = fault_of(fault, world)
        try:
            run_verb(world.verb, world.request, lambda_context)
        except ERRORS:
            completed = False
        s3.heal()
    assert max([call.number for call in s3.calls], default=0) <= MOST_LISTINGS
    world.check_nothing_lost(completed=completed)
    if completed:
        world.check_completed()
    try:
        run_verb(world.verb, world.request, lambda_context)
    except FileNotFoundError:
        # What was moved is no longer at the source.
        assert world.verb.moves
        assert completed
    world.check_completed()


def fault_of(name: str, world: World) -> Fault:
    if name in STORM_FAULTS:
        return STORM_FAULTS[name]()
    if name in OBJECT_CHANGES:
        return OBJECT_CHANGES[name](world)
    if name in FILE_CHANGES:
        return FILE_CHANGES[name](world)
    return {**LISTING_FAULTS, **SUCCESS_FAULTS, **BODY_FAULTS}[name]
