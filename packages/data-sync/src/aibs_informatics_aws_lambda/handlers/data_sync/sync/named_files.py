"""A list of paths as the listing of a source: each is looked up, and nothing else is."""

import os
import stat
import tempfile
from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache, lru_cache
from itertools import chain, groupby
from pathlib import Path
from typing import Final, TypeAlias

from aibs_informatics_aws_lambda.common.exceptions import ResourceNotFoundError
from aibs_informatics_aws_lambda.common.s3 import S3Path

from ..ahead import start_ahead
from ..entries import Entry, EntryKind, Listing
from ..external_sort import sort_externally
from ..local.threads import THREADS
from ..local.walk import OnFailure
from ..locations import Location, Root
from ..progress import activity
from ..s3.client import S3
from ..s3.requests import Request, head, head_bucket, read_stored
from .archived import is_archived

_LookUp: TypeAlias = Callable[[str], Callable[[], Entry]]
"""Starts to look up a path below the source, and returns what waits for the result."""

_AsName: TypeAlias = Callable[[str], str]
"""Returns the relative path that a line of a list stands for."""

_NOT_A_FILE: Final = (
    "is not the path of a file below the source: name files, not folders, without .."
)
_IN_FLIGHT: Final = 256
_THREADS: Final = min(32, THREADS)
# A key has at most 1,024 bytes, and a path 4,096.
_MAX_LINE_BYTES: Final = 2**16


def find_named(
    location: Location, s3: Callable[[], S3], source: Root, base: str, on_failure: OnFailure | None
) -> Listing:
    """Return the files and objects of a source that a list names.

    Args:
        location: the list: paths, one a line. Lines that start with ``#`` or ``;`` are comments.
        s3: makes the S3 client; it is called only for a list or a source in S3.
        source: the source.
        base: the path of the source below the one that the listed paths are relative to.
        on_failure: called with each path that cannot be read, instead of raising the error.

    Raises:
        ValueError: a line is not a path below the source.
        OSError: the list, or a listed file, does not exist or cannot be read.
        AWSError: S3 refuses or cannot be reached.
    """
    if source.bucket is None and not os.path.exists(source.path):  # noqa: PTH110
        return Listing(None, (), exists=False)
    as_name = _as_path if source.bucket is None else _as_key
    ordered = sort_externally(_read_names(location, s3, as_name))
    names = (name for name, _ in groupby(ordered))
    folder = f"{base}/" if base else ""
    itself = None if source.path.endswith("/") else base
    relatives = (
        # Empty for the source itself, which is a file then.
        name[len(folder) :]
        for name in names
        if name.startswith(folder) or name == itself
    )
    if source.bucket is None:
        found = _stat_all(relatives, source.path, on_failure)
    else:
        found = _head_all(relatives, source, s3(), on_failure)
    first = next(found, None)
    if first is None or not first.relative:
        return Listing(first, found, exists=True)
    return Listing(None, chain([first], found), exists=True)


def _read_names(location: Location, s3: Callable[[], S3], as_name: _AsName) -> Iterator[str]:
    if not isinstance(location, S3Path):
        yield from _parse(location, str(location), as_name)
        return
    with tempfile.TemporaryDirectory(prefix="data-sync-") as folder:
        path = Path(folder, "list")
        request = Request("GetObject", "s3:GetObject", location.bucket, location.key)
        s3().ask(request._replace(receive_file=str(path)))
        yield from _parse(path, str(location), as_name)


def _parse(path: Path, name: str, as_name: _AsName) -> Iterator[str]:
    with path.open("rb") as file:
        for number, line in enumerate(iter(lambda: file.readline(_MAX_LINE_BYTES), b""), 1):
            if len(line) == _MAX_LINE_BYTES:
                raise ValueError(f"{name}, line {number:,}: not a path, as it is too long")
            content = line.removeprefix(BOM_UTF8) if number == 1 else line
            text = content.decode(errors="surrogateescape").rstrip("\r\n")
            if not text.strip() or text[0] in "#;":
                continue
            try:
                yield as_name(text)
            except ValueError as error:
                raise ValueError(f"{name}, line {number:,}: {text!r} {error}") from None


def _as_path(text: str) -> str:
    """Return the path of a local file in the one form that a file has.

    Raises:
        ValueError: it is not one.
    """
    path = "/".join(part for part in text.split("/") if part not in ("", "."))
    if text.endswith("/."):
        raise ValueError(_NOT_A_FILE)
    return _check(path, text)


def _as_key(text: str) -> str:
    """Return the key of an object, in which empty segments count.

    Raises:
        ValueError: it is not one.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("is not a key: it is not UTF-8. Save the list as UTF-8") from None
    return _check(text.removeprefix("./").lstrip("/"), text)


def _check(relative: str, text: str) -> str:
    if "\0" in text:
        raise ValueError(
            "is not a path: it has a NUL character. Save the list as UTF-8, with one path a line"
        )
    if not relative or text.endswith("/") or ".." in relative.split("/"):
        raise ValueError(_NOT_A_FILE)
    return relative


def _stat_all(names: Iterable[str], root: str, on_failure: OnFailure | None) -> Iterator[Entry]:
    real_root = os.path.realpath(root)

    @lru_cache(maxsize=1024)
    def kind_below(folder: str) -> EntryKind:
        # What lies below a symbolic link has another path as well.
        real = os.path.realpath(os.path.join(root, folder))  # noqa: PTH118
        is_there = real == os.path.normpath(os.path.join(real_root, folder))  # noqa: PTH118
        return "file" if is_there else "symlink_target"

    def look(name: str) -> Entry:
        path = os.path.join(root, name) if name else root  # noqa: PTH118
        found = os.stat(path)  # noqa: PTH116
        if not stat.S_ISREG(found.st_mode):
            raise ValueError(f"{path} is not a file: name the files in a folder, one a line")
        kind = kind_below(os.path.dirname(name))  # noqa: PTH120
        times = found.st_ino, found.st_atime
        return Entry(name, found.st_size, found.st_mtime, None, kind, *times)

    with ThreadPoolExecutor(_THREADS) as pool:
        start: _LookUp = lambda name: pool.submit(look, name).result  # noqa: E731
        yield from _in_order(names, start, Root(None, f"{root.rstrip('/')}/"), on_failure)


def _head_all(
    names: Iterable[str], source: Root, s3: S3, on_failure: OnFailure | None
) -> Iterator[Entry]:
    bucket, key = source.bucket or "", source.path
    below = Root(bucket, f"{key}/" if key and not key.endswith("/") else key)

    @cache
    def check_bucket() -> None:
        # The status 404, by which an object is missing, says so of a missing bucket as well.
        s3.ask(head_bucket(bucket))

    def start(name: str) -> Callable[[], Entry]:
        sent = s3.send(head(bucket, below.at(name) if name else key))
        return lambda: _entry_of(name, below.name(name), sent)

    yield from _in_order(names, start, below, on_failure, check_bucket)


def _entry_of(name: str, uri: str, sent: Future) -> Entry:  # type: ignore[type-arg]
    response = sent.result()
    found = read_stored(response, is_head=True)
    if found.size is None or found.modified is None or not found.etag:
        raise ValueError(f"the response for {uri} lacks its size, time or ETag")
    storage_class = response.headers.get("x-amz-storage-class")
    archived = storage_class if is_archived(response.headers) else None
    return Entry(name, found.size, found.modified, found.etag, storage_class=archived)


def _in_order(
    names: Iterable[str],
    start: _LookUp,
    root: Root,
    on_failure: OnFailure | None,
    check_root: Callable[[], None] = lambda: None,
) -> Iterator[Entry]:
    """Yield what is found, many at a time; names that are not there are errors.

    Before such an error, ``check_root`` raises one if the source itself is not there.
    """
    for name, wait in start_ahead(names, start, _IN_FLIGHT):
        try:
            entry = wait()
        except (FileNotFoundError, NotADirectoryError, ResourceNotFoundError):
            check_root()
            error: Exception = FileNotFoundError(
                f"{root.name(name)} is in the list, but does not exist: correct the list"
            )
        except (OSError, ValueError) as failure:
            error = failure
        else:
            activity.listed += 1
            yield entry
            continue
        if on_failure is None:
            raise error
        on_failure(root.name(name), error)
