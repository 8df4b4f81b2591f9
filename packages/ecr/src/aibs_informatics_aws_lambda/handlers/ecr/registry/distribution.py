"""Registry client for any registry with the OCI distribution API.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Literal, TypeAlias
from urllib.parse import quote, urlencode, urlsplit

from aibs_informatics_aws_lambda.common.exceptions import ResourceNotFoundError, ValidationError
from aibs_informatics_aws_lambda.common.json_io import JSONObject, parse_json

from ..manifest import MEDIA_TYPES, OCI_INDEX, Descriptor, Manifest, digest_of
from ..names import ImageDigest
from . import protocol
from .authorization import ChallengeAuthorizer
from .connection import MAX_REQUESTS, RegistryConnection, Response
from .workers import worker_threads

if TYPE_CHECKING:
    from ..credentials import Credentials

# cosign stores signatures, attestations and SBOMs under tags made of the digest.
# https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md
_COSIGN_SUFFIXES = (".sig", ".att", ".sbom")
_TAGS_PER_PAGE = 1000
_NO_REFERRERS_API = (400, 404, 405, 406)
_STORED_RANGE = re.compile(r"(?:bytes=)?0-(\d+)", re.ASCII)


_BlobState: TypeAlias = Literal["present", "missing", "damaged", "unverified"]


class DistributionRegistryClient:
    """A client for one repository over the distribution API; see `RegistryClient`.

    Args:
        url: scheme and host of the registry.
        name: the name of the repository.
        find_credentials: returns credentials for the registry if it asks for them; default: none.
    """

    def __init__(
        self,
        url: str,
        name: str,
        find_credentials: Callable[[], Credentials | None] = lambda: None,
    ) -> None:
        self.name = name
        authorizer = ChallengeAuthorizer(url, find_credentials)
        self._connection = RegistryConnection(url, authorizer)
        self.registry = self._connection.url
        self.uri = f"{urlsplit(self.registry).netloc}/{name}"
        self.blobs = DistributionBlobs(self._connection, name)

    def get_manifest(self, reference: str) -> Manifest:
        """Return the manifest with a tag or a digest."""
        image = f"{self.uri}{'@' if ':' in reference else ':'}{reference}"
        response = self._connection.request(
            f"read the manifest of {image}",
            "GET",
            self._manifest_path(reference),
            expect=(200, 404),
            headers={"Accept": ", ".join(MEDIA_TYPES)},
        )
        if response.status == 404:
            raise ResourceNotFoundError(f"image not found: {image}: {response.error}")
        stated = response.headers.get("Docker-Content-Digest")
        digest = reference if ":" in reference else stated
        media_type = _media_type_of(response)
        known_type = media_type if media_type in MEDIA_TYPES else None
        return read_manifest(image, digest, response.body, known_type)

    def check_blobs(self, blobs: Collection[Descriptor]) -> protocol.BlobCheck:
        """Return which of the blobs the repository lacks, by existence and size."""
        return self.blobs.check(blobs)

    def put_manifest(self, manifest: Manifest, tag: str | None = None) -> None:
        """Store a manifest, and optionally tag it."""
        action = f"put {self.uri}@{manifest.digest}"
        response = self._connection.request(
            action,
            "PUT",
            self._manifest_path(tag or manifest.digest),
            expect=(200, 201, 202, 400),
            headers={"Content-Type": manifest.media_type},
            body=manifest.content,
        )
        if response.status == 400:
            raise _rejection(f"cannot {action}: {response.error}", response, manifest)

    def find_referrers(self, digest: ImageDigest) -> list[protocol.Referrer]:
        """Return the referrers of a manifest."""
        listed = list_referrers(self._connection, self.name, digest)
        by_tag = [protocol.Referrer(tag, tag) for tag in referrer_tags(digest) if self._has(tag)]
        return listed + by_tag

    def list_tags(self) -> list[str]:
        """Return the tags of the repository."""
        tags: list[str] = []
        for response in self._connection.pages(
            f"list the tags of {self.uri}",
            f"/v2/{quote(self.name)}/tags/list?n={_TAGS_PER_PAGE}",
            expect=(200, 404),
        ):
            if response.status == 404:
                raise ResourceNotFoundError(f"repository not found: {self.uri}: {response.error}")
            tags += _document(response).get("tags") or []
        return sorted(set(tags))

    def find_push_dates(
        self,
        tags: Collection[str],  # noqa: ARG002
    ) -> dict[str, datetime]:
        """Return nothing: the distribution API does not state when an image was pushed."""
        return {}

    def _has(self, reference: str) -> bool:
        response = self._connection.request(
            f"look up {self.uri}:{reference}",
            "HEAD",
            self._manifest_path(reference),
            expect=(200, 404),
            headers={"Accept": ", ".join(MEDIA_TYPES)},
        )
        return response.status == 200

    def _manifest_path(self, reference: str) -> str:
        return f"/v2/{quote(self.name)}/manifests/{quote(reference, safe=':')}"


class DistributionBlobs:
    """The blobs of one repository over the distribution API; see `BlobStore`."""

    def __init__(self, connection: RegistryConnection, name: str) -> None:
        self._connection = connection
        self._path = f"/v2/{quote(name)}/blobs/"

    def check(self, blobs: Collection[Descriptor]) -> protocol.BlobCheck:
        """Return which of the blobs are missing or damaged, with concurrent HEAD requests."""
        if not blobs:
            return protocol.BlobCheck()
        with worker_threads(min(len(blobs), MAX_REQUESTS), "check") as pool:
            found: dict[_BlobState, set[ImageDigest]] = {}
            for blob, state in zip(blobs, pool.map(self._state_of, blobs), strict=True):
                found.setdefault(state, set()).add(blob.digest)
        found.pop("present", None)
        return protocol.BlobCheck(
            **{state: frozenset(digests) for state, digests in found.items()}
        )

    def _state_of(self, blob: Descriptor) -> _BlobState:
        action = f"look up the blob {blob.digest}"
        path = f"{self._path}{blob.digest}"
        response = self._connection.request(action, "HEAD", path, expect=(200, 403, 404))
        if response.status == 404:
            return "missing"
        if response.status == 403 and response.is_redirected:
            # Some registries redirect to a storage URL that is signed for GET only.
            return "unverified"
        self._connection.check(action, response, (200,))
        size = response.headers.get("Content-Length")
        digest = response.headers.get("Docker-Content-Digest", blob.digest)
        if digest != blob.digest or (size is not None and size != str(blob.size)):
            return "damaged"
        return "unverified" if size is None else "present"

    def read(self, blob: Descriptor, start: int) -> Iterator[bytes]:
        """Yield the content from byte ``start`` on, in chunks of at most 1 MiB."""
        action = f"read the blob {blob.digest}"
        headers = {"Range": f"bytes={start}-"} if start else {}
        path = f"{self._path}{blob.digest}"
        with self._connection.stream(action, path, headers, (200, 206)) as (response, chunks):
            if start and response.status == 200:
                raise protocol.NoRangesError(
                    f"cannot {action} from byte {start} on: the registry does not support "
                    "range requests"
                )
            _check_size(action, response, blob.size - start)
            yield from chunks

    def start_upload(self, blob: Descriptor, mount_from: str | None) -> DistributionUpload | None:
        """Mount a blob from another repository, or start to upload it."""
        action = f"upload the blob {blob.digest}"
        response = self._mount(blob, mount_from) if mount_from else None
        if response is None:
            response = self._connection.request(
                action, "POST", f"{self._path}uploads/", expect=(202,), body=b""
            )
        if response.status == 201:
            return None
        return DistributionUpload(self._connection, action, response)

    def _mount(self, blob: Descriptor, repository: str) -> Response | None:
        """Mount a blob from another repository; return `None` if the registry rejects that.

        The credentials for the destination may have no access to the source repository.
        """
        query = urlencode({"mount": blob.digest, "from": repository})
        try:
            return self._connection.request(
                f"mount the blob {blob.digest} from {repository}",
                "POST",
                f"{self._path}uploads/?{query}",
                expect=(201, 202),
                body=b"",
            )
        except protocol.RejectedRequestError:
            return None


class DistributionUpload:
    """An upload session; see `Upload`.

    A small blob is sent in one PUT request, a large one in one PATCH request without
    ``Content-Range``, as docker does. A request with ``Content-Range`` is a part, whose size is
    limited by Amazon ECR and the GitHub Container Registry, and after a second part, Amazon ECR is
    reported to state a stale range (https://github.com/aws/containers-roadmap/issues/2831).
    """

    def __init__(self, connection: RegistryConnection, action: str, started: Response) -> None:
        self._connection = connection
        self._action = action
        # The URL carries the state of the session; only the latest one is valid.
        self._url = started.location

    def send(self, chunks: Iterable[bytes], size: int) -> None:
        """Upload the whole blob, ``size`` bytes."""
        if not size:
            return
        response = self._connection.send_once(
            self._action, "PATCH", self._url, expect=(201, 202, 204), chunks=chunks, size=size
        )
        self._url = response.location
        stored = _STORED_RANGE.fullmatch(response.headers.get("Range", ""))
        # Some registries state the size as the last byte. The digest shows damage in any case.
        if stored and int(stored[1]) < size - 1:
            raise protocol.InterruptedTransferError(
                f"cannot {self._action}: the registry received bytes {stored[0]} of {size} bytes"
            )

    def commit(self, digest: ImageDigest) -> bool:
        """Complete the upload and return whether the registry confirmed the digest."""
        return self.put(b"", digest)

    def put(self, content: bytes, digest: ImageDigest) -> bool:
        """Send and commit a small blob in one request; see `commit`."""
        separator = "&" if urlsplit(self._url).query else "?"
        url = f"{self._url}{separator}{urlencode({'digest': digest})}"
        response = self._connection.send_once(
            self._action, "PUT", url, expect=(201, 204), chunks=content, size=len(content)
        )
        stored = response.headers.get("Docker-Content-Digest")
        if stored and stored != digest:
            raise protocol.RegistryError(
                f"cannot {self._action}: the registry stored it as {stored}"
            )
        return bool(stored)

    def cancel(self) -> None:
        """Cancel the upload session."""
        self._connection.request(self._action, "DELETE", self._url, expect=(200, 202, 204, 404))


def list_referrers(
    connection: RegistryConnection, name: str, digest: ImageDigest
) -> list[protocol.Referrer]:
    """Return the manifests whose subject is ``digest``; none without the referrers API.

    A registry without it responds with 404, Artifactory with 406, and others with 400, 405 or a
    page of their website.

    https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-referrers
    """
    found: list[protocol.Referrer] = []
    for response in connection.pages(
        f"list the referrers of {name}@{digest}",
        f"/v2/{quote(name)}/referrers/{digest}",
        expect=(200, *_NO_REFERRERS_API),
        headers={"Accept": OCI_INDEX},
    ):
        if response.status != 200 or _media_type_of(response) != OCI_INDEX:
            break
        entries = _document(response).get("manifests") or []
        found += [protocol.Referrer(ImageDigest(entry["digest"])) for entry in entries]
    return found


def referrer_tags(digest: ImageDigest) -> list[str]:
    """Return the tags that the referrers of a manifest may be attached by.

    The first follows the referrers tag schema of the OCI specification, for registries without
    the referrers API; cosign uses the others.
    """
    base = digest.replace(":", "-")
    return [base, *(f"{base}{suffix}" for suffix in _COSIGN_SUFFIXES)]


def read_manifest(
    image: str, digest: str | None, content: bytes, media_type: str | None
) -> Manifest:
    """Return a manifest from a registry, checked against its digest.

    Args:
        image: the image, for messages.
        digest: the digest; `None` if the registry states none.
        content: the content.
        media_type: the media type; `None` if the registry states none.

    Raises:
        RegistryError: the content does not match the digest.
        ValidationError: the content is not an image manifest or index.
    """
    if digest is not None and digest_of(content) != digest:
        raise protocol.RegistryError(
            f"the manifest of {image} is damaged in the registry: its digest is "
            f"{digest_of(content)}, not {digest}"
        )
    try:
        return Manifest.parse(content, media_type)
    except ValidationError as error:
        raise ValidationError(f"cannot copy {image}: {error}") from error


def _document(response: Response) -> JSONObject:
    document = parse_json(response.body)
    return document if isinstance(document, dict) else {}


def _media_type_of(response: Response) -> str:
    return response.headers.get("Content-Type", "").partition(";")[0].strip()


def _check_size(action: str, response: Response, size: int) -> None:
    stated = response.headers.get("Content-Length")
    if stated is not None and stated != str(size):
        raise protocol.RegistryError(
            f"cannot {action}: the registry has {stated} bytes, and the manifest says {size}"
        )


def _rejection(message: str, response: Response, manifest: Manifest) -> protocol.RegistryError:
    text = response.body.decode(errors="replace")
    missing = {blob.digest for blob in manifest.blobs if blob.digest in text}
    if missing and "MANIFEST_BLOB_UNKNOWN" in text:
        return protocol.MissingBlobsError(message, missing)
    return protocol.RegistryError(message)
