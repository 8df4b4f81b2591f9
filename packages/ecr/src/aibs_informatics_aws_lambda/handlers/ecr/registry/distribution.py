"""Repositories of any registry that speaks the distribution API.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md; Amazon ECR speaks it, too.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from urllib.parse import quote, urlencode, urlsplit

from aibs_informatics_aws_lambda.common.exceptions import ResourceNotFoundError
from aibs_informatics_aws_lambda.common.json_io import JSONObject, parse_json

from ..manifest import MEDIA_TYPES, OCI_INDEX, Descriptor, Manifest, digest_of
from ..names import ImageDigest
from .connection import Answer, RegistryConnection
from .protocol import (
    InterruptedTransferError,
    MissingBlobsError,
    NoRangesError,
    Referrer,
    RegistryError,
)

# cosign finds what it stored about an image by these ends of a tag made of the digest.
# https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md
_COSIGN_SUFFIXES = (".sig", ".att", ".sbom")
_NEXT_PAGE = re.compile(r'<([^>]+)>\s*;[^,]*rel="?next"?')


class DistributionRepository:
    """A repository of a registry; see `Repository`.

    Args:
        url: scheme and host of the registry.
        name: the name of the repository.
    """

    def __init__(self, url: str, name: str) -> None:
        self.name = name
        self._connection = RegistryConnection(url)
        self.registry = self._connection.url
        self.uri = f"{urlsplit(self.registry).netloc}/{name}"
        self.blobs = DistributionBlobs(self._connection, name)

    def get_manifest(self, reference: str) -> Manifest:
        """Return the manifest with a tag or a digest."""
        image = f"{self.uri}{'@' if ':' in reference else ':'}{reference}"
        answer = self._connection.ask(
            f"read the manifest of {image}",
            "GET",
            self._manifest_path(reference),
            expect=(200, 404),
            headers={"Accept": ", ".join(MEDIA_TYPES)},
        )
        if answer.status == 404:
            raise ResourceNotFoundError(f"there is no image {image}: {answer.error}")
        stated = answer.headers.get("Docker-Content-Digest")
        check_digest(image, reference if ":" in reference else stated, answer.body)
        media_type = answer.headers.get("Content-Type", "").partition(";")[0].strip()
        return Manifest.parse(answer.body, media_type if media_type in MEDIA_TYPES else None)

    def find_missing(self, blobs: Collection[Descriptor]) -> set[ImageDigest]:
        """Return the digests of those blobs that the repository does not have."""
        return {blob.digest for blob in blobs if not self.blobs.has(blob)}

    def put_manifest(self, manifest: Manifest, tag: str | None = None) -> None:
        """Store a manifest, and let a tag point to it."""
        action = f"put {self.uri}@{manifest.digest}"
        answer = self._connection.ask(
            action,
            "PUT",
            self._manifest_path(tag or manifest.digest),
            expect=(200, 201, 202, 400),
            headers={"Content-Type": manifest.media_type},
            body=manifest.content,
        )
        if answer.status == 400:
            raise self._refusal(f"cannot {action}: {answer.error}", answer, manifest)

    def find_referrers(self, digest: ImageDigest) -> list[Referrer]:
        """Return what is there about a manifest."""
        listed = list_referrers(self._connection, self.name, digest)
        by_tag = [Referrer(tag, tag) for tag in referrer_tags(digest) if self._has(tag)]
        return listed + by_tag

    def _has(self, reference: str) -> bool:
        answer = self._connection.ask(
            f"look for {self.uri}:{reference}",
            "HEAD",
            self._manifest_path(reference),
            expect=(200, 404),
            headers={"Accept": ", ".join(MEDIA_TYPES)},
        )
        return answer.status == 200

    def _manifest_path(self, reference: str) -> str:
        return f"/v2/{quote(self.name)}/manifests/{quote(reference, safe=':')}"

    def _refusal(self, message: str, answer: Answer, manifest: Manifest) -> RegistryError:
        named = answer.body.decode(errors="replace")
        missing = {blob.digest for blob in manifest.blobs if blob.digest in named}
        if missing and "MANIFEST_BLOB_UNKNOWN" in named:
            return MissingBlobsError(message, missing)
        return RegistryError(message)


class DistributionBlobs:
    """The blobs of one repository over the distribution API; see `BlobStore`."""

    def __init__(self, connection: RegistryConnection, name: str) -> None:
        self._connection = connection
        self._path = f"/v2/{quote(name)}/blobs/"

    def has(self, blob: Descriptor) -> bool:
        """Tell whether the blob is there."""
        answer = self._connection.ask(
            f"look for the blob {blob.digest}",
            "HEAD",
            f"{self._path}{blob.digest}",
            expect=(200, 404),
        )
        return answer.status == 200

    def read(self, blob: Descriptor, start: int) -> Iterator[bytes]:
        """Yield the content from byte ``start`` on, in pieces of at most 1 MiB."""
        action = f"read the blob {blob.digest}"
        headers = {"Range": f"bytes={start}-"} if start else {}
        path = f"{self._path}{blob.digest}"
        with self._connection.open(action, path, headers, (200, 206)) as (answer, pieces):
            if start and answer.status == 200:
                raise NoRangesError(f"cannot {action} from byte {start} on: it comes whole only")
            _check_size(action, answer, blob.size - start)
            yield from pieces

    def begin_upload(self, blob: Descriptor, mount_from: str | None) -> DistributionUpload | None:
        """Begin to upload a blob, or let the registry take it from another repository."""
        action = f"upload the blob {blob.digest}"
        mount = {"mount": blob.digest, "from": mount_from} if mount_from else {}
        answer = self._connection.ask(
            action,
            "POST",
            f"{self._path}uploads/?{urlencode(mount)}".rstrip("?"),
            expect=(201, 202) if mount else (202,),
            body=b"",
        )
        if answer.status == 201:
            return None
        return DistributionUpload(self._connection, action, answer)


class DistributionUpload:
    """An upload session; see `Upload`.

    The blob goes in one request. That Amazon ECR keeps what comes in a second one is doubtful
    (https://github.com/aws/containers-roadmap/issues/2831), and ``Content-Range`` would have it
    count as a part, whose size is limited: Docker sends none either.
    """

    def __init__(self, connection: RegistryConnection, action: str, opened: Answer) -> None:
        self._connection = connection
        self._action = action
        # The URL carries the state of the session: only the latest one counts.
        self._url = opened.location

    def send(self, pieces: Iterable[bytes], size: int) -> None:
        """Send the whole blob, ``size`` bytes."""
        if not size:
            return
        answer = self._connection.send(
            self._action, "PATCH", self._url, expect=(201, 202, 204), pieces=pieces, size=size
        )
        self._url = answer.location
        kept = answer.headers.get("Range", f"0-{size - 1}")
        if kept.removeprefix("bytes=") != f"0-{size - 1}":
            raise InterruptedTransferError(
                f"cannot {self._action}: of {size} bytes, the registry kept {kept}"
            )

    def commit(self, digest: ImageDigest) -> None:
        """Let the registry verify and keep the blob."""
        separator = "&" if urlsplit(self._url).query else "?"
        url = f"{self._url}{separator}{urlencode({'digest': digest})}"
        answer = self._connection.send(self._action, "PUT", url, expect=(201, 204))
        kept = answer.headers.get("Docker-Content-Digest", digest)
        if kept != digest:
            raise RegistryError(f"cannot {self._action}: the registry kept it as {kept}")

    def cancel(self) -> None:
        """Let the registry forget what was sent."""
        self._connection.ask(self._action, "DELETE", self._url, expect=(200, 202, 204, 404))


def list_referrers(
    connection: RegistryConnection, name: str, digest: ImageDigest
) -> list[Referrer]:
    """Return the manifests whose subject is ``digest``; none where the registry has no such list.

    https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-referrers
    """
    found: list[Referrer] = []
    page: str | None = f"/v2/{quote(name)}/referrers/{digest}"
    while page:
        answer = connection.ask(
            f"list what refers to {name}@{digest}",
            "GET",
            page,
            expect=(200, 404),
            headers={"Accept": OCI_INDEX},
        )
        if answer.status == 404:
            break
        entries = _referrer_index(answer).get("manifests") or []
        found += [Referrer(ImageDigest(entry["digest"])) for entry in entries]
        following = _NEXT_PAGE.search(answer.headers.get("Link", ""))
        page = following[1] if following else None
    return found


def referrer_tags(digest: ImageDigest) -> list[str]:
    """Return the tags that may stand for what is about a manifest.

    The first is the index of the specification's "referrers tag schema", for registries without
    a list of referrers; the others are those of cosign.
    """
    base = digest.replace(":", "-")
    return [base, *(f"{base}{suffix}" for suffix in _COSIGN_SUFFIXES)]


def check_digest(image: str, digest: str | None, content: bytes) -> None:
    """Raise `RegistryError` where the manifest of an image has not the digest that it should."""
    if digest is not None and digest_of(content) != digest:
        raise RegistryError(
            f"what the registry has as the manifest of {image} has the digest "
            f"{digest_of(content)}, not {digest}: it is damaged"
        )


def _referrer_index(answer: Answer) -> JSONObject:
    document = parse_json(answer.body)
    return document if isinstance(document, dict) else {}


def _check_size(action: str, answer: Answer, size: int) -> None:
    stated = answer.headers.get("Content-Length")
    if stated is not None and stated != str(size):
        raise RegistryError(
            f"cannot {action}: the registry has {stated} bytes where the manifest says {size}"
        )
