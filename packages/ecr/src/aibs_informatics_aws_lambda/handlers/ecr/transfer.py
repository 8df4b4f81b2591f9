"""Transfer of blobs from one repository to another: streamed, verified and concurrent.

Blobs are streamed in chunks, without being held on disk or in memory as a whole. The digest is
computed on the way, and an upload is committed only if it matches.
"""

import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, as_completed
from contextlib import suppress
from functools import partial
from threading import BoundedSemaphore, Event
from typing import NamedTuple, Protocol

from .manifest import Descriptor
from .registry import protocol
from .registry.connection import MAX_REQUESTS
from .registry.workers import worker_threads

# A large blob in flight holds a chunk of 1 MiB in memory, a small one its content. More small than
# large blobs are in flight, since they spend most of the time waiting for responses.
_MAX_LARGE_IN_FLIGHT = 8
# Twice as many, since a registry verifies a blob before it confirms the end of an upload.
_MAX_LARGE_WORKERS = 2 * _MAX_LARGE_IN_FLIGHT
_MAX_SMALL_BYTES = 512 << 10
# Blobs that are read as a whole: configs, which have some KiB.
_MAX_READ_BYTES = 8 << 20
_ATTEMPTS = 5
_FIRST_PAUSE_SECONDS = 0.2

_log = logging.getLogger(__name__)


class Progress(Protocol):
    """Receives the progress of blob transfers, from several threads."""

    def begin(self, blobs: Sequence[Descriptor]) -> None:
        """The transfer of these blobs starts."""

    def advance(self, blob: Descriptor, done: int) -> None:
        """``done`` bytes of the blob are transferred; fewer than before after a restart."""

    def finish(self, blob: Descriptor) -> None:
        """The blob is transferred."""


class NullProgress:
    """Ignores all progress; see `Progress`."""

    def begin(self, blobs: Sequence[Descriptor]) -> None:
        """Do nothing."""

    def advance(self, blob: Descriptor, done: int) -> None:
        """Do nothing."""

    def finish(self, blob: Descriptor) -> None:
        """Do nothing."""


class TransferCancelledError(protocol.RegistryError):
    """The transfer of a blob was cancelled because another one failed."""


class Transfer(NamedTuple):
    """A completed transfer.

    Args:
        blob: the blob.
        is_mounted: whether the registry mounted it from another repository, without a transfer
            of bytes.
        is_confirmed: whether the registry confirmed the digest of the uploaded content.
    """

    blob: Descriptor
    is_mounted: bool = False
    is_confirmed: bool = False


def copy_blobs(
    blobs: Sequence[Descriptor],
    source: protocol.RegistryClient,
    target: protocol.RegistryClient,
    progress: Progress,
) -> list[Transfer]:
    """Copy blobs concurrently; the first failure cancels the others.

    Args:
        blobs: the blobs.
        source: a client for the source repository.
        target: a client for the destination repository.
        progress: receives the progress.

    Raises:
        RegistryError: a registry denied a request or failed, or a blob is damaged.
    """
    progress.begin(blobs)
    # A mount is one small request, whatever the size of the blob.
    mounts = source.registry == target.registry
    with (
        worker_threads(_MAX_LARGE_WORKERS, "large-blob") as large,
        worker_threads(MAX_REQUESTS, "small-blob") as small,
        worker_threads(MAX_REQUESTS, "reader") as readers,
    ):
        copier = _BlobCopier(source, target, progress, readers)
        # Largest first: started last, it would run alone at the end.
        ordered = sorted(blobs, key=lambda blob: -blob.size)
        futures = [
            (small if mounts or _is_small(blob) else large).submit(copier.copy, blob)
            for blob in ordered
        ]
        try:
            return [future.result() for future in as_completed(futures)]
        except BaseException:
            copier.stop.set()
            raise


def read_blob(blob: Descriptor, source: protocol.BlobStore) -> bytes:
    """Return the content of a small blob.

    Raises:
        RegistryError: the registry denied the request or failed, or the blob is damaged or has
            more than 8 MiB.
    """
    if blob.size > _MAX_READ_BYTES:
        raise protocol.RegistryError(
            f"cannot read the config {blob.digest}: it has {blob.size} bytes, more than 8 MiB"
        )
    return _BlobReader(blob, source, lambda _: None, Event()).read_all()


class _BlobCopier:
    """Copies blobs from one repository to another; thread-safe.

    Args:
        source: a client for the source repository.
        target: a client for the destination repository.
        progress: receives the progress.
        readers: threads that read small blobs.
    """

    def __init__(
        self,
        source: protocol.RegistryClient,
        target: protocol.RegistryClient,
        progress: Progress,
        readers: Executor,
    ) -> None:
        self.stop = Event()
        self._source = source
        self._target = target
        self._progress = progress
        self._readers = readers
        self._mount_from = source.name if source.registry == target.registry else None
        self._large_slots = BoundedSemaphore(_MAX_LARGE_IN_FLIGHT)

    def copy(self, blob: Descriptor) -> Transfer:
        """Copy a blob; repeat an interrupted transfer."""
        if self.stop.is_set():
            raise TransferCancelledError(f"cancelled the transfer of {blob.digest}")
        transfer = self._copy_with_retries(blob)
        self._progress.finish(blob)
        return transfer

    def _copy_with_retries(self, blob: Descriptor) -> Transfer:
        for attempt in range(_ATTEMPTS):
            try:
                return self._copy_once(blob)
            except protocol.InterruptedTransferError as error:
                if attempt == _ATTEMPTS - 1:
                    raise
                _log.warning("%s; retrying", error)
            _pause(attempt, self.stop)
            # The upload may be complete, and only the response to the commit lost.
            if not self._target.check_blobs([blob]).digests:
                break
        return Transfer(blob)

    def _copy_once(self, blob: Descriptor) -> Transfer:
        reader = _BlobReader(
            blob, self._source.blobs, partial(self._progress.advance, blob), self.stop
        )
        # A small blob is read while its upload starts, unless the registry may mount it.
        is_read_early = _is_small(blob) and not self._mount_from
        reading = self._readers.submit(reader.read_all) if is_read_early else None
        upload = self._target.blobs.start_upload(blob, self._mount_from)
        if upload is None:
            return Transfer(blob, is_mounted=True)
        try:
            if _is_small(blob):
                content = reading.result() if reading else reader.read_all()
                is_confirmed = upload.put(content, blob.digest)
            else:
                with self._large_slots:
                    upload.send(reader, blob.size)
                reader.verify()
                is_confirmed = upload.commit(blob.digest)
        except BaseException:
            # Report the first error; registries expire open upload sessions by themselves.
            with suppress(protocol.RegistryError):
                upload.cancel()
            raise
        return Transfer(blob, is_confirmed=is_confirmed)


def _is_small(blob: Descriptor) -> bool:
    return blob.size <= _MAX_SMALL_BYTES


class _BlobReader:
    """Iterates over the content of a blob, resumes after interruptions, computes the digest."""

    def __init__(
        self,
        blob: Descriptor,
        source: protocol.BlobStore,
        advance: Callable[[int], None],
        stop: Event,
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
                yield from self._resume()
                error = None
            except protocol.NoRangesError:
                raise
            except protocol.InterruptedTransferError as interruption:
                error = interruption
            if self._done >= self._blob.size:
                return
            failures = 1 if self._done > before else failures + 1
            if failures == _ATTEMPTS:
                raise protocol.RegistryError(
                    f"cannot read the blob {self._blob.digest}: interrupted {_ATTEMPTS} times at "
                    f"byte {self._done} of {self._blob.size} ({error or 'truncated response'})"
                )
            _log.warning(
                "Resuming the blob %s at byte %d after an interruption",
                self._blob.digest,
                self._done,
            )
            _pause(failures - 1, self._stop)

    def _resume(self) -> Iterator[bytes]:
        for chunk in self._source.read(self._blob, self._done):
            if self._stop.is_set():
                raise TransferCancelledError(f"cancelled the transfer of {self._blob.digest}")
            self._done += len(chunk)
            if self._done > self._blob.size:
                break
            self._hash.update(chunk)
            self._advance(self._done)
            yield chunk

    def read_all(self) -> bytes:
        """Return the whole content, verified."""
        content = b"".join(self)
        self.verify()
        return content

    def verify(self) -> None:
        """Raise `RegistryError` if the content does not match size and digest."""
        found = f"sha256:{self._hash.hexdigest()}"
        if self._done != self._blob.size or found != self._blob.digest:
            raise protocol.RegistryError(
                f"the blob {self._blob.digest} ({self._blob.size} bytes) is damaged in the "
                f"source: its content has the digest {found} ({self._done} bytes). It was not "
                "copied."
            )


def _pause(attempt: int, stop: Event) -> None:
    if stop.wait(_FIRST_PAUSE_SECONDS * 2**attempt):
        raise TransferCancelledError("cancelled a transfer because another one failed")
