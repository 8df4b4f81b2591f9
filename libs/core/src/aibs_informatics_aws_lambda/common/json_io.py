"""JSON values: their types, and reading them from text or files."""

from __future__ import annotations

import json
import os
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias

JSON: TypeAlias = Any
JSONObject: TypeAlias = dict[str, Any]
JSONArray: TypeAlias = list[Any]

_FILE_SCHEME = "file://"
# Longer text is no path of any file system, and does not belong into a message.
_LONGEST_SHOWN = 200


class DecimalEncoder(json.JSONEncoder):
    """Writes a `Decimal` as a JSON string, so that no digit is lost."""

    def default(self, o: Any) -> Any:
        """Return what stands for ``o``; raise `TypeError` if nothing can."""
        return str(o) if isinstance(o, Decimal) else super().default(o)


def parse_json(text: str | bytes) -> JSON:
    """Read JSON text, or bytes of it in UTF-8, UTF-16 or UTF-32.

    Raises:
        ValueError: it is not JSON (`json.JSONDecodeError`), no text, or nested too deeply.
    """
    try:
        return json.loads(text)
    except UnicodeDecodeError as error:
        raise ValueError(f"it is not {error.encoding} text: {error.reason}") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def is_json_str(text: object) -> bool:
    """Tell whether ``text`` is a `str` that holds a JSON document of any type."""
    if not isinstance(text, str):
        return False
    try:
        parse_json(text)
    except ValueError:
        return False
    return True


def json_or_path(text: str) -> JSON | Path:
    """Return the JSON document that ``text`` is, or else the path that it names.

    Raises:
        ValueError: it is a JSON object or list with a mistake in it, an S3 URI, or a URI of a
            file on another host.
    """
    try:
        return parse_json(text)
    except ValueError as error:
        # Not called a path that is missing: the message would show the document.
        if text.lstrip()[:1] in ("{", "[") and not _is_there(text):
            raise ValueError(f"the text is not valid JSON: {error}") from None
        return path_from_text(text)


def load_json(source: str | Path) -> JSON:
    """Read a JSON document.

    Args:
        source: JSON text, or the path (or ``file://`` URI) of a file that holds it. Text that is
            JSON is never looked up as a path; a `Path` is never read as JSON text.

    Raises:
        json.JSONDecodeError: the file's content is not JSON.
        ValueError: ``source`` is neither JSON nor an existing file.
    """
    found = json_or_path(source) if isinstance(source, str) else source
    return _load_file(found) if isinstance(found, Path) else found


def load_json_object(source: str | Path) -> JSONObject:
    """Read a JSON document as `load_json` does, and insist on an object.

    Raises:
        ValueError: as `load_json`, or the document is of another type.
    """
    found = json_or_path(source) if isinstance(source, str) else source
    if isinstance(found, Path):
        return as_json_object(_load_file(found), origin=f" in {found}")
    return as_json_object(found)


def as_json_object(document: JSON, origin: str = "") -> JSONObject:
    """Return ``document`` if it is an object; raise `ValueError` naming its type otherwise."""
    if not isinstance(document, dict):
        raise ValueError(f"expected a JSON object{origin}, got {type(document).__name__}")
    return document


def dump_json_line(document: JSON) -> str:
    """Write ``document`` as one line of ASCII with sorted keys, the form of stored answers.

    Raises:
        TypeError: ``document`` holds something that JSON has no form for.
        ValueError: ``document`` contains itself.
    """
    return json.dumps(document, sort_keys=True)


def path_from_text(text: str) -> Path:
    """Return the local path that ``text``, a path or a ``file://`` URI (RFC 8089), stands for.

    Raises:
        ValueError: ``text`` is an S3 URI, or a URI of a file on another host.
    """
    if text.startswith("s3://"):
        raise ValueError(f"{_shorten(text)!r} is in S3, expected a local path")
    if not text.startswith(_FILE_SCHEME):
        return Path(text)

    from urllib.parse import unquote, urlsplit

    parts = urlsplit(text)
    if parts.netloc not in ("", "localhost"):
        raise ValueError(f"{_shorten(text)!r} is on the host {parts.netloc!r}, not on this one")
    return Path(unquote(parts.path))


def _load_file(path: Path) -> JSON:
    try:
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        # A `ValueError` is text that no path can be, such as one with a NUL in it.
        reason = getattr(error, "strerror", None) or "not a path"
        raise ValueError(
            f"{_shorten(str(path))!r} is neither JSON text nor a readable file ({reason})"
        ) from None
    try:
        return parse_json(content)
    except json.JSONDecodeError as error:
        message = f"{path} does not hold JSON: {error.msg}"
        raise json.JSONDecodeError(message, error.doc, error.pos) from None
    except ValueError as error:
        raise ValueError(f"{path} does not hold JSON: {error}") from None


def _is_there(text: str) -> bool:
    return os.path.exists(text)  # noqa: PTH110 - Path.exists fails for text that is no path


def _shorten(text: str) -> str:
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."
