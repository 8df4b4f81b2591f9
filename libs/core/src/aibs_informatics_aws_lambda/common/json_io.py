"""JSON values: types, and reading them from text or local files."""

import json
import os
from pathlib import Path
from typing import Any, TypeAlias

from .files import check_bounded

JSON: TypeAlias = Any
JSONObject: TypeAlias = dict[str, Any]
JSONArray: TypeAlias = list[Any]

_FILE_SCHEME = "file://"
# Longer text is not a path, and is cut in messages.
_LONGEST_SHOWN = 200


class DecimalEncoder(json.JSONEncoder):
    """Writes a `Decimal` as a JSON string, without loss of digits."""

    def default(self, o: Any) -> Any:
        """Return the text of a `Decimal`; raise `TypeError` for other types."""
        # A command starts a millisecond earlier without it.
        from decimal import Decimal

        return str(o) if isinstance(o, Decimal) else super().default(o)


def parse_json(text: str | bytes) -> JSON:
    """Read JSON text, or bytes of it in UTF-8, UTF-16 or UTF-32; a byte order mark is skipped.

    Raises:
        ValueError: it is not JSON (`json.JSONDecodeError`), not text, has two equal keys in an
            object, or is nested too deeply.
    """
    try:
        if isinstance(text, bytes):
            text = text.decode(json.detect_encoding(text))
        text = text.removeprefix("\ufeff")
        return _DECODER.decode(text)
    except UnicodeDecodeError as error:
        raise ValueError(f"it is not {error.encoding} text: {error.reason}") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _unique(pairs: list[tuple[str, JSON]]) -> JSONObject:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        duplicate = next(name for name in found if names.count(name) > 1)
        raise ValueError(f"it has the key {duplicate[:_LONGEST_SHOWN]!r} twice in an object")
    return found


_DECODER = json.JSONDecoder(object_pairs_hook=_unique)


def is_json_str(text: object) -> bool:
    """Return whether ``text`` is a `str` with a JSON document of any type."""
    if not isinstance(text, str):
        return False
    try:
        parse_json(text)
    except ValueError:
        return False
    return True


def json_or_path(text: str) -> JSON | Path:
    """Return the JSON document in ``text``, or else the local path that ``text`` is.

    Raises:
        ValueError: the text is invalid JSON, a URI with a scheme other than ``file``, or of a file
            on another host.
    """
    try:
        return parse_json(text)
    except ValueError as error:
        # Not reported as a missing file: the message would show the document.
        if text.lstrip()[:1] in ("{", "[") and not _exists(text):
            raise ValueError(f"the text is not valid JSON: {error}") from None
        return path_from_text(text)


def load_json(source: str | Path) -> JSON:
    """Read a JSON document.

    Args:
        source: JSON text, or the path (or ``file://`` URI) of a file with JSON text. JSON text is
            never used as a path, and a `Path` is never used as JSON text.

    Raises:
        json.JSONDecodeError: the file's content is not JSON.
        ValueError: ``source`` is neither JSON nor an existing file.
    """
    found = json_or_path(source) if isinstance(source, str) else source
    return _load_file(found) if isinstance(found, Path) else found


def load_json_object(source: str | Path) -> JSONObject:
    """Read a JSON object, as `load_json` does.

    Raises:
        ValueError: as `load_json`, or the document is of another type.
    """
    found = json_or_path(source) if isinstance(source, str) else source
    if isinstance(found, Path):
        return as_json_object(_load_file(found), origin=f" in {found}")
    return as_json_object(found)


def as_json_object(document: JSON, origin: str = "") -> JSONObject:
    """Return ``document`` if it is a JSON object; otherwise raise `ValueError` with its type."""
    if not isinstance(document, dict):
        raise ValueError(f"expected a JSON object{origin}, got {type(document).__name__}")
    return document


def dump_json_line(document: JSON) -> str:
    """Return ``document`` as one line of ASCII JSON with sorted keys, as responses are stored.

    Raises:
        TypeError: ``document`` contains a value that cannot be written as JSON.
        ValueError: ``document`` contains a circular reference.
    """
    return json.dumps(document, sort_keys=True)


def path_from_text(text: str) -> Path:
    """Return the path of ``text``, a local path or a ``file://`` URI (RFC 8089).

    Raises:
        ValueError: ``text`` is a URI with another scheme, or of a file on another host.
    """
    if not text.startswith(_FILE_SCHEME):
        if _is_uri(text):
            raise ValueError(f"{_shorten(text)!r} is not a local path or a file:// URI")
        return Path(text)

    from urllib.parse import unquote, urlsplit

    parts = urlsplit(text)
    if parts.netloc not in ("", "localhost"):
        raise ValueError(f"{_shorten(text)!r} is on the host {parts.netloc!r}, not on this host")
    return Path(unquote(parts.path))


def _load_file(path: Path) -> JSON:
    try:
        check_bounded(path)
        content = path.read_bytes()
    except OSError as error:
        reason = error.strerror
    except ValueError as error:
        # The text cannot be a path: it contains NUL, for example.
        reason = "not a path" if "null" in str(error) else str(error)
    else:
        return _parse_file(path, content)
    raise ValueError(f"{_describe(path)} is neither JSON text nor a readable file ({reason})")


def _describe(path: Path) -> str:
    """Return a path for a message, unless it may be a payload with a mistake."""
    text = str(path)
    is_path = text.isprintable() and not any(sign in text for sign in " \"'{}[]=,")
    return repr(_shorten(text)) if is_path or path.is_absolute() else "the text"


def _parse_file(path: Path, content: bytes) -> JSON:
    try:
        return parse_json(content)
    except json.JSONDecodeError as error:
        message = f"{path} does not contain JSON: {error.msg}"
        raise json.JSONDecodeError(message, error.doc, error.pos) from None
    except ValueError as error:
        raise ValueError(f"{path} does not contain JSON: {error}") from None


def _is_uri(text: str) -> bool:
    # RFC 3986, without schemes of one letter, which are drives.
    scheme, separator, _ = text.partition("://")
    letters = scheme.replace("+", "").replace("-", "").replace(".", "")
    return bool(separator) and len(scheme) > 1 and scheme[0].isalpha() and letters.isalnum()


def _exists(text: str) -> bool:
    return os.path.exists(text)  # noqa: PTH110 - Path.exists fails for text that is no path


def _shorten(text: str) -> str:
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."
