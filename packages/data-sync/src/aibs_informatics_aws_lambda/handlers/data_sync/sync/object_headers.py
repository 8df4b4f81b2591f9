"""Headers of requests that store objects: content type, metadata, tags, storage class."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final
from urllib.parse import urlencode

from .request import StorageSettings

METADATA: Final = frozenset(
    {
        "cache-control",
        "content-disposition",
        "content-encoding",
        "content-language",
        "content-type",
        "expires",
        "x-amz-website-redirect-location",
    }
)
"""The headers that are metadata of an object, besides those with the prefix of user metadata."""

_USER_METADATA = "x-amz-meta-"
_ENCRYPTION = "x-amz-server-side-encryption"
_KMS_KEY = "x-amz-server-side-encryption-aws-kms-key-id"
_BUCKET_KEY = "x-amz-server-side-encryption-bucket-key-enabled"
_STORAGE_CLASS = "x-amz-storage-class"
_TAGGING = "x-amz-tagging"

_NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "content_type": "content-type",
        "cache_control": "cache-control",
        "content_disposition": "content-disposition",
        "content_encoding": "content-encoding",
        "content_language": "content-language",
        "storage_class": _STORAGE_CLASS,
        "sse": _ENCRYPTION,
        "sse_kms_key_id": _KMS_KEY,
        "acl": "x-amz-acl",
    }
)
# A compressed file is not decompressed by those who download it: its type is that of the file.
_COMPRESSED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "br": "application/x-brotli",
        "bzip2": "application/x-bzip2",
        "compress": "application/x-compress",
        "gzip": "application/gzip",
        "xz": "application/x-xz",
    }
)


def upload_headers(settings: StorageSettings | None) -> Callable[[str], Mapping[str, str]]:
    """Return a function that returns the headers of an upload by the name of its object.

    Args:
        settings: how objects are stored; `None` for the defaults of the bucket.
    """
    headers = MappingProxyType({} if settings is None else _given(settings))
    if settings is None or not settings.guess_content_type or "content-type" in headers:
        return lambda _: headers

    def add_type(name: str) -> Mapping[str, str]:
        guessed = guess_type(name)
        return {"content-type": guessed, **headers} if guessed else headers

    return add_type


def copy_headers(settings: StorageSettings) -> Callable[[Mapping[str, str]], dict[str, str]]:
    """Return a function that returns the headers of CopyObject by those of the source object.

    The headers of the source are only read if `needs_source`.

    Args:
        settings: how copies are stored.
    """
    given, keeps = _given(settings), bool(settings.keep)
    has_metadata = any(map(is_metadata, given))
    if _TAGGING in given:
        given["x-amz-tagging-directive"] = "REPLACE"

    def add_kept(source: Mapping[str, str]) -> dict[str, str]:
        headers = {**_kept_beside(given, source), **given} if keeps else dict(given)
        if has_metadata:
            # All or nothing: S3 does not add to the metadata of the source.
            kept = {name: value for name, value in source.items() if is_metadata(name)}
            headers = {**kept, **headers, "x-amz-metadata-directive": "REPLACE"}
        return headers

    return add_kept


def upload_of_parts_headers(
    settings: StorageSettings | None, source: Mapping[str, str]
) -> dict[str, str]:
    """Return the headers that start a copy in parts, which has no metadata of its own accord."""
    kept = {name: value for name, value in source.items() if is_metadata(name)}
    if settings is None:
        return kept
    given = _given(settings)
    return {**kept, **(_kept_beside(given, source) if settings.keep else {}), **given}


def streamed_headers(
    settings: StorageSettings | None, source: Mapping[str, str]
) -> dict[str, str]:
    """Return the headers of a copy that another service or account stores.

    KMS keys of one account are not those of another: the encryption is that of the settings, or
    the default of the bucket.
    """
    kept = {name: value for name, value in source.items() if not name.startswith(_ENCRYPTION)}
    return upload_of_parts_headers(settings, kept)


def needs_source(settings: StorageSettings) -> bool:
    """Return whether a copy needs the headers of its source."""
    given = _given(settings)
    keeps = settings.keep and not {_STORAGE_CLASS, _ENCRYPTION} <= given.keys()
    return bool(keeps) or any(map(is_metadata, given))


def _kept_beside(given: Mapping[str, str], source: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of a source that its copy has besides the given ones."""
    kept = kept_headers(source)
    if _ENCRYPTION not in given:
        return kept
    # S3 rejects the KMS key of another encryption.
    return {name: value for name, value in kept.items() if not name.startswith(_ENCRYPTION)}


def kept_headers(source: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that give a copy the storage class and encryption of its source."""
    kept = {}
    if _STORAGE_CLASS in source:
        kept[_STORAGE_CLASS] = source[_STORAGE_CLASS]
    # Without KMS, the encryption is the default of the bucket.
    if source.get(_ENCRYPTION, "").startswith("aws:kms"):
        names = (_ENCRYPTION, _KMS_KEY, _BUCKET_KEY)
        kept.update({name: source[name] for name in names if name in source})
    return kept


def is_metadata(name: str) -> bool:
    """Return whether a header, in lower case, is metadata of an object."""
    return name in METADATA or name.startswith(_USER_METADATA)


def guess_type(name: str) -> str | None:
    """Return the content type of a file by its name, if its extension is known."""
    _, dot, extension = name.rpartition("/")[2].lstrip(".").rpartition(".")
    return _type_of(dot + extension) if dot else None


@lru_cache(1024)
def _type_of(extension: str) -> str | None:
    # Few syncs guess.
    import mimetypes

    kind, compression = mimetypes.guess_type(f"name{extension}")
    return _COMPRESSED.get(compression) if compression else kind


def _given(settings: StorageSettings) -> dict[str, str]:
    values = ((header, getattr(settings, field)) for field, header in _NAMES.items())
    headers = {header: value for header, value in values if value is not None}
    for name, value in (settings.metadata or {}).items():
        headers[f"{_USER_METADATA}{name.lower()}"] = value
    if settings.tags is not None:
        headers[_TAGGING] = urlencode(settings.tags)
    return headers
