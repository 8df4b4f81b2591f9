"""Upload: local files to objects."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, Future
from functools import partial
from typing import TYPE_CHECKING, Any

from aibs_informatics_aws_lambda.common.exceptions import AWSError, ResourceNotFoundError

from ...evidence import StoredObject, is_digest
from ...local import files
from ...local.descent import Pace
from ...local.files import FileChangedError, check_unchanged, file_digest
from ...local.folders import Folder
from ...local.hdf5 import check_closed
from ...progress import CheckDeadline, OnBytes
from ...s3 import etags, requests
from ...s3.client import S3
from ...s3.deletion import delete_version
from ...s3.endpoint import sends_checksums
from ...s3.parts import parts_of, split_parts, upload_part_bytes
from ...s3.requests import PART_BYTES
from ...s3.service import Feature
from ...s3.versions import find_stored
from ..diff import Step
from ..object_headers import upload_headers
from ..report import NO_EVIDENCE, Evidence
from ..request import StorageSettings
from ..routes import Route
from ..window import AnyFuture
from .method import Buffered

if TYPE_CHECKING:
    from ...local.checksum_cache import ChecksumCache
    from ...local.checksum_store import FileState

logger = logging.getLogger(__name__)

# Up to this size a file may pass through memory: the thread that sends objects reads one file at a
# time, and that takes long on a network file system.
_SMALL_BYTES = 256 * 2**10
_MEASURED_FILES = 16


class Upload:
    """Uploads files with a checksum of the whole content, which S3 verifies and stores.

    Args:
        route: the route.
        s3: the S3 client.
        check: called at each block of what is read; an error that it raises ends the sync.
        pool: threads that read small files, where the file system takes its time; by default, the
            library for S3 reads all files.
        reports: whether the checksums are reported.
        moves: whether the files are removed afterwards.
        settings: how the objects are stored.
        checksums: remembers the ETags of files, if anything does.
    """

    def __init__(
        self,
        route: Route,
        s3: S3,
        check: CheckDeadline,
        *,
        pool: Executor | None = None,
        reports: bool = False,
        moves: bool = False,
        settings: StorageSettings | None = None,
        checksums: ChecksumCache | None = None,
    ) -> None:
        self._route = route
        self._s3 = s3
        self._check = check
        self._pool = pool
        self._pace = Pace()
        self._reports = reports
        self._moves = moves
        self._settings = settings
        self._headers_of = upload_headers(settings)
        self._checksums = checksums
        self._begun: dict[str, FileState | None] = {}
        whole = (settings and settings.part_size) or PART_BYTES
        # The library reads what it does not divide at once. A small file may be in memory already.
        self.buffered: Buffered = ((_SMALL_BYTES, 2), (whole, 1))

    def start(self, step: Step, on_bytes: OnBytes | None) -> AnyFuture[requests.Response]:
        """Start to upload a file.

        Raises:
            OSError: the file has content, though its size is 0, or is being written.
        """
        if self._pool and 0 < step.entry.size <= _SMALL_BYTES:
            if self._pace.is_slow():
                return self._start_in_pool(step, self._pool)
            if self._pace.operations < _MEASURED_FILES:
                return self._s3.send(self._request(step, self._read_measured(step)))
        path = self._path(step)
        check_closed(path)
        if not step.entry.size:
            files.check_is_empty(path)
        if self._checksums and step.entry.size > _SMALL_BYTES:
            self._begun[step.target] = self._checksums.begin(path)
        future = requests.ResponseFuture()
        return self._s3.send(self._request(step), on_bytes=on_bytes, future=future)

    def _request(self, step: Step, content: bytes = b"") -> requests.Request:
        """Return the request that uploads a file, or its content."""
        target, path, size = self._route.target, self._path(step), step.entry.size
        return requests.Request(
            "PutObject",
            "s3:PutObject",
            target.bucket or "",
            target.at(step.target),
            "PUT",
            headers=self._headers(step),
            body=content,
            send_file=None if content else path,
            file_name=path,
            size=size,
            part_bytes=self._part_bytes(size),
            keeps_headers=True,
        )

    def _read_measured(self, step: Step) -> bytes:
        start = time.perf_counter()
        content = self._read(step)
        self._pace.note(time.perf_counter() - start)
        return content

    def _read(self, step: Step) -> bytes:
        check_closed(self._path(step))
        return files.read_whole(self._path(step), step.entry.size)

    def _start_in_pool(self, step: Step, pool: Executor) -> Future[requests.Response]:
        """Read a file in a thread, and upload its content then."""
        response: Future[requests.Response] = Future()

        def send(content: Future[bytes]) -> None:
            try:
                sent = self._s3.send(self._request(step, content.result()))
            except Exception as error:
                # In a callback it would be lost, and the caller would wait.
                response.set_exception(error)
            else:
                sent.add_done_callback(partial(_pass_on, response))

        pool.submit(self._read, step).add_done_callback(send)
        return response

    def publish(self, step: Step, response: requests.Response) -> Evidence:
        """Check that the file is still what was listed, and that S3 confirms its object.

        Raises:
            OSError: the file has changed, or is gone. An object of several versions is deleted.
            AWSError: the service does not confirm that it has stored the file.
        """
        self._check_file(step, response)
        stored = self._stored(step, response)
        self._note_etag(step, stored)
        if not (self._reports or self._moves):
            return NO_EVIDENCE
        is_same = self._is_stored(step, stored)
        if self._moves and not is_same and not self._reads_same(step, stored.etag, self._check):
            raise self._unconfirmed(step, "the object differs from the file")
        checksum = f"crc64nvme:{stored.crc64nvme}" if stored.crc64nvme else f"etag:{stored.etag}"
        return Evidence(checksum, verified=bool(is_same) or self._moves, etag=stored.etag)

    def has_same_checksum(self, step: Step, check: CheckDeadline) -> bool | None:
        """Return whether a file has the ETag of the object at its target."""
        target, size = self._target(step), step.entry.size
        sizes = partial(etags.find_part_sizes, self._s3, target, size)
        path = self._path(step)
        return etags.file_has_etag(path, size, target.etag, sizes, check, self._checksums)

    def has_same_bytes(self, step: Step, check: CheckDeadline) -> bool:
        """Return whether a file has the content of the object at its target, by downloading it."""
        return self._reads_same(step, step.target_etag or "", check)

    def discard(self, received: Sequence[tuple[Step, Any]]) -> None:
        """Delete the objects of files that changed while they were read; S3 makes others whole."""
        for step, response in received:
            try:
                self._check_file(step, response)
            except OSError as error:
                # The sync already ends, by another error or for its deadline.
                logger.warning("%s", error)

    def _check_file(self, step: Step, response: requests.Response) -> None:
        """Check that the file is what was listed, or delete an object of several versions.

        Raises:
            OSError: the file has changed, or is gone.
        """
        try:
            check_unchanged(self._path(step), step.entry)
        except FileChangedError as error:
            rest = self._withdraw(step, response)
            raise FileChangedError(f"{error}{rest}") from None

    def _withdraw(self, step: Step, response: requests.Response) -> str:
        """Delete the object of a file that changed while it was read.

        It may be of several versions, unless the file still starts with it.

        Returns:
            What is left to do, for the message.
        """
        target = self._target(step)
        path, size = self._path(step), step.entry.size
        etag = requests.read_stored(response, is_head=False).etag
        if etag == target.etag or etags.starts_with_object(path, size, etag, lambda: None):
            return ""
        try:
            if not etag:
                raise AWSError("the response has no ETag")
            delete_version(self._s3, target._replace(etag=etag, modified=None))
        except AWSError as error:
            uri = self._route.target.name(step.target)
            return f". {uri}, which may mix several versions of the file, was not deleted: {error}"
        return ""

    def _stored(self, step: Step, response: requests.Response) -> StoredObject:
        """Return what the service has stored, as the response or a request for it tells.

        Raises:
            AWSError: it has stored nothing, or something else.
        """
        told = requests.read_stored(response, is_head=False)
        if self._is_told(step, response, told):
            return told
        found = self._find(step, told)
        is_framed = step.entry.size > PART_BYTES and sends_checksums()
        if found.size not in (None, step.entry.size) and is_framed:
            # The service has stored the frames of trailing checksums as content.
            self._s3.service.note_lack(Feature.TRAILERS)
            response = self.start(step, None).result()
            told = requests.read_stored(response, is_head=False)
            found = self._find(step, told)
        if found.size not in (None, step.entry.size):
            reason = f"the object has {found.size} bytes instead of {step.entry.size}"
            raise self._unconfirmed(step, reason)
        # Some services serve what came in parts under another ETag than they respond with.
        if told.etag != found.etag and not self._is_new(step, found):
            reason = "the response has no ETag or checksum"
            if told.etag:
                reason = f"the object has the ETag {found.etag} instead of {told.etag}"
            raise self._unconfirmed(step, reason)
        return found

    def _note_etag(self, step: Step, stored: StoredObject) -> None:
        """Remember the ETag of an object, if the service has verified its checksum."""
        if self._checksums is None:
            return
        begun = self._begun.pop(step.target, None)
        if begun is None:
            return
        is_verified = stored.crc64nvme or (self._s3.service.is_aws and sends_checksums())
        if not is_verified or stored.is_encrypted or not is_digest(stored.etag):
            return
        size, number = step.entry.size, parts_of(stored.etag)
        sizes = None if number is None else split_parts(size, self._part_bytes(size))
        self._checksums.end(begun, self._path(step), etags.etag_kind(sizes), stored.etag)

    def _is_new(self, step: Step, found: StoredObject) -> bool:
        """Return whether an object is not the one that was at the target before."""
        is_same = self._is_stored(step, found)
        return found.etag != step.target_etag if is_same is None else is_same

    def _is_stored(self, step: Step, found: StoredObject) -> bool | None:
        size = step.entry.size
        return etags.file_is_stored(
            self._path(step), size, found, self._check, self._part_bytes(size)
        )

    def _part_bytes(self, size: int) -> int:
        wanted = self._settings.part_size if self._settings else None
        return upload_part_bytes(size, is_aws=self._s3.service.is_aws, wanted=wanted)

    def _is_told(self, step: Step, response: requests.Response, told: StoredObject) -> bool:
        """Return whether the response to an upload is evidence enough of what was stored."""
        if told.crc64nvme or not told.etag:
            return bool(told.crc64nvme)
        if step.entry.size > PART_BYTES:
            # Only AWS is known to verify the checksums of parts, which it does not repeat; a move
            # wants the one of the whole.
            return self._s3.service.is_aws and not (self._moves and told.is_encrypted)
        # A page has a body, and sometimes an ETag too.
        return response.headers.get("content-length", "0") == "0"

    def _reads_same(self, step: Step, etag: str, check: CheckDeadline) -> bool:
        version = self._target(step)._replace(etag=etag)
        request = requests.get_version(version, step.entry.size)
        digest = file_digest(self._path(step), check)
        return digest == etags.object_digest(self._s3, request, check)

    def _find(self, step: Step, told: StoredObject) -> StoredObject:
        try:
            return find_stored(self._s3, self._target(step))
        except ResourceNotFoundError:
            reason = "the object does not exist, although the response was a success"
            raise self._unconfirmed(step, reason) from None
        except AWSError:
            if told.etag and not self._moves:
                # Credentials that may write need not read.
                return told
            raise

    def _unconfirmed(self, step: Step, reason: str) -> AWSError:
        uri = self._route.target.name(step.target)
        return AWSError(
            f"cannot upload {self._path(step)} to {uri}: {reason}. Check AWS_ENDPOINT_URL and "
            "proxies, then sync again"
        )

    def restore(self, step: Step, folder: Folder | None, name: str) -> None:
        """Do nothing: no attributes are preserved."""

    def _headers(self, step: Step) -> Mapping[str, str]:
        return self._headers_of(step.target)

    def _path(self, step: Step) -> str:
        return self._route.source.at(step.entry.relative)

    def _target(self, step: Step) -> requests.ObjectVersion:
        return requests.object_version(self._route.target, step.target, step.there)


def _pass_on(response: Future[requests.Response], sent: Future[requests.Response]) -> None:
    error = sent.exception()
    if error is None:
        response.set_result(sent.result())
    else:
        response.set_exception(error)
