"""A container registry on loopback, and images in it."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urljoin

from servers import running

__all__ = ["INDEX", "MANIFEST", "Registry", "digest_of", "registry_server"]

Json: TypeAlias = dict[str, Any]

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"

_ACCEPTED = (
    f"{MANIFEST}, {INDEX}, application/vnd.docker.distribution.manifest.v2+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json"
)

_MEMORY = Path("/dev/shm")
_LARGE_IMAGES_BYTES = 4 << 30

_CONFIGURATION = """\
version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: "{folder}"}}, delete: {{enabled: true}}}}
validation: {{manifests: {{urls: {{allow: [".*"]}}}}}}
"""


@contextmanager
def registry_server(folder: Path, htpasswd: str = "") -> Iterator[Registry]:
    """Run an empty registry: docker-registry, the CNCF distribution registry of Debian.

    Args:
        folder: an empty folder for what it stores.
        htpasswd: the users that may log in, as in Apache's file; default: no login.

    Raises:
        FileNotFoundError: docker-registry is not installed.
    """
    program = shutil.which("docker-registry")
    if not program:
        raise FileNotFoundError(
            "docker-registry is not installed: apt-get install docker-registry"
        )
    with _storage_folder(folder) as storage:
        configuration = folder / "configuration.yml"
        text = _CONFIGURATION.format(folder=storage)
        if htpasswd:
            (folder / "htpasswd").write_text(f"{htpasswd}\n")
            text += f'auth: {{htpasswd: {{realm: "test", path: "{folder / "htpasswd"}"}}}}\n'
        configuration.write_text(text)
        command = f"REGISTRY_HTTP_ADDR=127.0.0.1:{{port}} exec {program} serve {configuration}"
        ready = "http://127.0.0.1:{port}/"
        with running(["sh", "-c", command], ready, folder / "log.txt") as url:
            yield Registry(url.removesuffix("/"), storage)


@contextmanager
def _storage_folder(folder: Path) -> Iterator[Path]:
    """Yield a folder in memory if there is room for large images; otherwise one in ``folder``.

    A registry flushes every file to the disk, a dozen per blob.
    """
    if _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free >= _LARGE_IMAGES_BYTES:
        with tempfile.TemporaryDirectory(dir=_MEMORY) as found:
            yield Path(found)
    else:
        yield folder / "storage"


@dataclass(frozen=True)
class Registry:
    """A client of a registry that shares no code with the tested one.

    Args:
        url: scheme, host and port.
        folder: where it stores what it has.
    """

    url: str
    folder: Path

    @property
    def host(self) -> str:
        """Host and port."""
        return self.url.partition("://")[2]

    def push_blob(self, repository: str, content: bytes | Iterable[bytes], size: int = -1) -> Json:
        """Store a blob, whole or in pieces of ``size`` bytes in all; return its descriptor."""
        pieces = [content] if isinstance(content, bytes) else content
        sha256, length = hashlib.sha256(), size if size >= 0 else len(b"".join(pieces))

        def hashed() -> Iterator[bytes]:
            for piece in pieces:
                sha256.update(piece)
                yield piece

        location = self.open_upload(repository)
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(length)}
        sent = self._ask("PATCH", location, hashed(), headers)
        digest = f"sha256:{sha256.hexdigest()}"
        self._ask("PUT", f"{sent.headers['Location']}&digest={digest}", b"")
        return {"mediaType": LAYER, "digest": digest, "size": length}

    def open_upload(self, repository: str) -> str:
        """Open an upload and return its URL."""
        response = self._ask("POST", f"/v2/{repository}/blobs/uploads/", b"")
        location: str = response.headers["Location"]
        return location

    def push_manifest(self, repository: str, manifest: Json, reference: str = "") -> str:
        """Store a manifest, by a tag if one is given; return its digest."""
        content = json.dumps(manifest).encode()
        path = f"/v2/{repository}/manifests/{reference or digest_of(content)}"
        self._ask("PUT", path, content, {"Content-Type": manifest["mediaType"]})
        return digest_of(content)

    def push_image(
        self,
        repository: str,
        *layers: bytes,
        tag: str = "",
        platform: Mapping[str, str] | None = None,
        **further: Any,
    ) -> str:
        """Store an image of layers, with further keys in its manifest; return its digest."""
        config = json.dumps({"os": "linux", "architecture": "amd64", **(platform or {})}).encode()
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {**self.push_blob(repository, config), "mediaType": CONFIG},
            "layers": [self.push_blob(repository, layer) for layer in layers],
            **further,
        }
        return self.push_manifest(repository, manifest, tag)

    def push_index(self, repository: str, *entries: Json, tag: str = "", **further: Any) -> str:
        """Store an index; an entry needs ``digest`` alone. Return the digest."""
        manifests = [
            {
                "mediaType": self.manifest(repository, entry["digest"])["mediaType"],
                "size": len(self.read(repository, entry["digest"]) or b""),
                **entry,
            }
            for entry in entries
        ]
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests, **further}
        return self.push_manifest(repository, index, tag)

    def read(self, repository: str, reference: str) -> bytes | None:
        """Return the bytes of a manifest, or `None` if there is none."""
        return self._read(f"/v2/{repository}/manifests/{reference}")

    def manifest(self, repository: str, reference: str) -> Json:
        """Return a manifest that is there."""
        manifest: Json = json.loads(self.read(repository, reference) or b"")
        return manifest

    def blob(self, repository: str, digest: str) -> bytes | None:
        """Return the content of a blob, or `None` if it is not there."""
        return self._read(f"/v2/{repository}/blobs/{digest}")

    def tags(self, repository: str) -> dict[str, str]:
        """Return the tags of a repository, and the digests they point to."""
        listing = self._read(f"/v2/{repository}/tags/list")
        names = (json.loads(listing).get("tags") if listing else None) or []
        return {name: digest_of(self.read(repository, name) or b"") for name in sorted(names)}

    def all_tags(self) -> dict[str, dict[str, str]]:
        """Return the tags of all repositories, by repository."""
        listing = json.loads(self._read("/v2/_catalog?n=1000") or b"{}")
        return {name: self.tags(name) for name in listing.get("repositories") or []}

    def open_uploads(self, repository: str) -> list[str]:
        """Return the ids of uploads that are neither closed nor given up."""
        folder = self.folder / "docker/registry/v2/repositories" / repository / "_uploads"
        # Uploads that were given up leave a folder behind, but no data.
        return sorted(path.parent.name for path in folder.glob("*/data"))

    def blob_file(self, digest: str) -> Path:
        """Return the file that the registry keeps a blob in."""
        name = digest.removeprefix("sha256:")
        return self.folder / "docker/registry/v2/blobs/sha256" / name[:2] / name / "data"

    def collect_garbage(self, folder: Path) -> None:
        """Delete manifests without a tag, and all blobs that no other manifest refers to.

        Args:
            folder: a folder for the configuration.
        """
        configuration = folder / "garbage.yml"
        configuration.write_text(_CONFIGURATION.format(folder=self.folder))
        command = ["docker-registry", "garbage-collect", "--delete-untagged", str(configuration)]
        subprocess.run(command, check=True, capture_output=True)

    def _read(self, path: str) -> bytes | None:
        try:
            with self._ask("GET", path, headers={"Accept": _ACCEPTED}) as response:
                content: bytes = response.read()
                return content
        except urllib.error.HTTPError as error:
            with error:
                if error.code != 404:
                    raise
                return None

    def _ask(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Any:
        request = urllib.request.Request(
            urljoin(self.url, path), body, dict(headers or {}), method=method
        )
        response = urllib.request.urlopen(request)
        if method != "GET":
            response.close()
        return response


def digest_of(content: bytes) -> str:
    """Return the digest of a blob or manifest."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
