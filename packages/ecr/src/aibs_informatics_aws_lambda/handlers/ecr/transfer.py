"""Moving blobs from one repository to another: streamed, verified, several at a time.

A blob is never on disk nor whole in memory: what a registry sends is passed on in pieces while
its digest is made. Only when that is the one that was asked for does the other registry hear that
the blob is complete.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass
from threading import Event
from typing import Protocol

from .manifest import Descriptor
from .registry.protocol import (
    BlobStore,
    InterruptedTransferError,
    NoRangesError,
    RegistryError,
    Repository,
)

# Each blob in flight has a piece of 1 MiB in memory.
_AT_ONCE = 4
_ATTEMPTS = 5
_FIRST_PAUSE_SECONDS = 0.2

_log = logging.getLogger(__name__)


class Progress(Protocol):
    """Hears how far the transfer of blobs is; called by several threads at once."""

    def begin(self, blobs: Sequence[Descriptor]) -> None:
        """These blobs will be transferred."""

    def advance(self, blob: Descriptor, done: int) -> None:
        """Of this blob, ``done`` bytes have passed; fewer than before where it starts again."""

    def finish(self, blob: Descriptor) -> None:
        """This blob is in its place."""


class Silent:
    """Tells nobody; see `Progress`."""

    def begin(self, blobs: Sequence[Descriptor]) -> None:
        """Do nothing."""

    def advance(self, blob: Descriptor, done: int) -> None:
        """Do nothing."""

    def finish(self, blob: Descriptor) -> None:
        """Do nothing."""


class TransferCancelledError(RegistryError):
    """The transfer of a blob was given up, as that of another one failed."""


@dataclass(frozen=True)
class Transfer:
    """What was done to have a blob in its place.

    Args:
        blob: which one.
        is_mounted: whether the registry took it from another of its repositories, so that no
            byte of it moved.
    """

    blob: Descriptor
    is_mounted: bool


def copy_blobs(
    blobs: Sequence[Descriptor], source: Repository, target: Repository, progress: Progress
) -> list[Transfer]:
    """Copy blobs, four at a time; the first failure ends all of them.

    Raises:
        RegistryError: a registry refused, failed, or has another content than its digest says.
    """
    progress.begin(blobs)
    stop = Event()

    def copy(blob: Descriptor) -> Transfer:
        transfer = _copy_blob(blob, source, target, progress, stop)
        progress.finish(blob)
        return transfer

    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="blob") as pool:
        # The longest first: one that is begun last would be waited for alone.
        ordered = sorted(blobs, key=lambda blob: -blob.size)
        futures = [pool.submit(copy, blob) for blob in ordered]
        try:
            return [future.result() for future in as_completed(futures)]
        except BaseException:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def read_blob(blob: Descriptor, source: BlobStore) -> bytes:
    """Return the content of a small blob.

    Raises:
        RegistryError: as `copy_blobs`.
    """
    reader = _BlobReader(blob, source, lambda _: None, Event())
    content = b"".join(reader)
    reader.verify()
    return content


def _copy_blob(
    blob: Descriptor, source: Repository, target: Repository, progress: Progress, stop: Event
) -> Transfer:
    mount_from = source.name if source.registry == target.registry else None
    for attempt in range(_ATTEMPTS):
        try:
            return _copy_once(blob, source.blobs, target.blobs, mount_from, progress, stop)
        except InterruptedTransferError as error:
            if attempt == _ATTEMPTS - 1:
                raise
            _log.warning("%s; starting again", error)
        _pause(attempt, stop)
        # The answer that it is complete may be what was lost.
        if not target.find_missing([blob]):
            break
    return Transfer(blob, is_mounted=False)


def _copy_once(
    blob: Descriptor,
    source: BlobStore,
    target: BlobStore,
    mount_from: str | None,
    progress: Progress,
    stop: Event,
) -> Transfer:
    upload = target.begin_upload(blob, mount_from)
    if upload is None:
        return Transfer(blob, is_mounted=True)
    reader = _BlobReader(blob, source, lambda done: progress.advance(blob, done), stop)
    try:
        upload.send(reader, blob.size)
        reader.verify()
        upload.commit(blob.digest)
    except BaseException:
        # What failed first is the error to see; registries forget open uploads by themselves.
        with suppress(RegistryError):
            upload.cancel()
        raise
    return Transfer(blob, is_mounted=False)


class _BlobReader:
    """Iterates over the content of a blob, over broken connections, and makes its digest."""

    def __init__(
        self, blob: Descriptor, source: BlobStore, advance: Callable[[int], None], stop: Event
    ) -> None:
        self._blob = blob
        self._source = source
        self._advance = advance
        self._stop = stop
        self._hash = hashlib.sha256()
        self._done = 0

    def __iter__(self) -> Iterator[bytes]:
        failures = 0
        while self._done < self._blob.size:
            before = self._done
            try:
                yield from self._read_on()
                error = None
            except NoRangesError:
                raise
            except InterruptedTransferError as interruption:
                error = interruption
            if self._done >= self._blob.size:
                return
            failures = 1 if self._done > before else failures + 1
            if failures == _ATTEMPTS:
                raise RegistryError(
                    f"gave up reading the blob {self._blob.digest}: it breaks off at byte "
                    f"{self._done} of {self._blob.size} again and again ({error or 'no error'})"
                )
            _log.warning(
                "the blob %s broke off at byte %d: going on", self._blob.digest, self._done
            )
            _pause(failures - 1, self._stop)

    def _read_on(self) -> Iterator[bytes]:
        for piece in self._source.read(self._blob, self._done):
            if self._stop.is_set():
                raise TransferCancelledError(f"gave up the blob {self._blob.digest}")
            self._done += len(piece)
            if self._done > self._blob.size:
                break
            self._hash.update(piece)
            self._advance(self._done)
            yield piece

    def verify(self) -> None:
        """Raise `RegistryError` where what passed is not the blob."""
        found = f"sha256:{self._hash.hexdigest()}"
        if self._done != self._blob.size or found != self._blob.digest:
            raise RegistryError(
                f"what the source has for the blob {self._blob.digest} ({self._blob.size} bytes) "
                f"has the digest {found} ({self._done} bytes): it is damaged, and was not kept"
            )


def _pause(attempt: int, stop: Event) -> None:
    if stop.wait(_FIRST_PAUSE_SECONDS * 2**attempt):
        raise TransferCancelledError("gave up a blob, as another one failed")
