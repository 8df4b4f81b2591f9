"""Mode, owner and times of files, as rclone and s3cmd store them in the metadata of objects.

Written are the names of rclone: ``mtime`` (seconds since 1970 with a fraction), ``atime``
(RFC 3339), ``mode`` (octal), ``uid`` and ``gid``. Read are these, and ``s3cmd-attrs`` of s3cmd.
https://rclone.org/local/#metadata, https://rclone.org/s3/#metadata
"""

from __future__ import annotations

import logging
import os
import re
import stat
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import NamedTuple

from .folders import Folder

logger = logging.getLogger(__name__)

PREFIX = "x-amz-meta-"
"""Precedes the names of metadata in headers."""

_SECOND = 10**9
_SECONDS = re.compile(r"(-?\d{1,12})(?:\.(\d{1,12}))?", re.ASCII)
_RFC_3339 = re.compile(
    r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(?:\.(\d{1,12}))?(Z|[+-]\d\d:\d\d)", re.ASCII
)
_OCTAL = re.compile(r"[0-7]{1,7}", re.ASCII)
_DECIMAL = re.compile(r"\d{1,10}", re.ASCII)
_MOST_ID = 2**32 - 2
# Not set-user-ID and the like: whoever can write an object could make a program of root of it.
_PERMISSIONS = stat.S_IRWXU | stat.S_IRWXG | stat.S_IRWXO


class Attributes(NamedTuple):
    """Attributes of a file; those that are not known are `None`.

    Args:
        mode: the type and the permissions.
        uid: the user ID of the owner.
        gid: the ID of the group.
        modified: the time of the last modification, in nanoseconds since 1970 UTC.
        accessed: the time of the last access, likewise.
    """

    mode: int | None = None
    uid: int | None = None
    gid: int | None = None
    modified: int | None = None
    accessed: int | None = None


def attributes_of(found: os.stat_result) -> Attributes:
    """Return the attributes of a file."""
    return Attributes(
        found.st_mode, found.st_uid, found.st_gid, found.st_mtime_ns, found.st_atime_ns
    )


def to_headers(attributes: Attributes) -> dict[str, str]:
    """Return the headers that store the attributes with an object."""
    mode, uid, gid, modified, accessed = attributes
    values = {
        "mtime": None if modified is None else _format_seconds(modified),
        "atime": None if accessed is None else _format_rfc_3339(accessed),
        "mode": None if mode is None else f"{mode:o}",
        "uid": None if uid is None else str(uid),
        "gid": None if gid is None else str(gid),
    }
    return {f"{PREFIX}{name}": text for name, text in values.items() if text is not None}


def from_headers(headers: Mapping[str, str]) -> Attributes:
    """Return the attributes that are stored with an object, as far as they are valid.

    Args:
        headers: the headers of the object, with names in lower case.
    """
    fields = headers.get(f"{PREFIX}s3cmd-attrs", "").split("/")
    of_s3cmd = {name: value for name, _, value in (field.partition(":") for field in fields)}
    stored = {
        name: headers.get(f"{PREFIX}{name}", "")
        for name in ("mtime", "atime", "mode", "uid", "gid")
    }
    mode = int(stored["mode"], 8) if _OCTAL.fullmatch(stored["mode"]) else None
    if mode is None:
        mode = _parse_id(of_s3cmd.get("mode", ""))
    ids = (_parse_id(stored[name] or of_s3cmd.get(name, "")) for name in ("uid", "gid"))
    times = (_parse_time(stored[name] or of_s3cmd.get(name, "")) for name in ("mtime", "atime"))
    return Attributes(mode, *ids, *times)


def differ(wanted: Attributes, found: Attributes) -> bool:
    """Return whether the attributes of a file or an object are not those wanted.

    The time of the last access does not count, as each reading changes it. An owner counts only
    where it could be set.
    """
    if wanted.mode is not None and (found.mode is None or (wanted.mode ^ found.mode) & 0o777):
        return True
    return any(
        value is not None and value != getattr(found, name)
        for name, value in wanted._replace(mode=None, accessed=None)._asdict().items()
    )


def apply(attributes: Attributes, folder: Folder, name: str) -> None:
    """Give a file the attributes that are known; its owner only where that is permitted.

    Args:
        attributes: the attributes.
        folder: its directory.
        name: its name.

    Raises:
        OSError: the file is gone, or belongs to another user.
    """
    try:
        found = os.stat(name, dir_fd=folder.fd, follow_symlinks=False)
        if stat.S_ISLNK(found.st_mode):
            return
        uid, gid = _permitted(attributes, found)
        if (uid, gid) != (-1, -1):
            os.chown(name, uid, gid, dir_fd=folder.fd, follow_symlinks=False)
        mode = attributes.mode
        if mode is not None and (mode ^ found.st_mode) & _PERMISSIONS:
            os.chmod(name, mode & _PERMISSIONS, dir_fd=folder.fd)
        modified, accessed = attributes.modified, attributes.accessed
        if modified is not None or accessed is not None:
            times = (
                found.st_atime_ns if accessed is None else accessed,
                found.st_mtime_ns if modified is None else modified,
            )
            os.utime(name, ns=times, dir_fd=folder.fd, follow_symlinks=False)
    except OSError as error:
        raise OSError(error.errno, error.strerror, folder.path + name) from None


def can_own(attributes: Attributes, found: Attributes) -> Attributes:
    """Return attributes without an owner and a group that this process cannot give a file.

    Args:
        attributes: the attributes.
        found: those of the file.
    """
    if os.geteuid() == 0:
        return attributes
    uid = attributes.uid if attributes.uid == found.uid else None
    is_member = attributes.gid == found.gid or attributes.gid in os.getgroups()
    return attributes._replace(uid=uid, gid=attributes.gid if is_member else None)


def _permitted(attributes: Attributes, found: os.stat_result) -> tuple[int, int]:
    """Return the owner and group to set; -1 for what stays."""
    there = attributes_of(found)
    possible = can_own(attributes, there)
    if (possible.uid, possible.gid) != (attributes.uid, attributes.gid):
        _warn_of_owners()
    uid = -1 if possible.uid in (None, there.uid) else possible.uid
    gid = -1 if possible.gid in (None, there.gid) else possible.gid
    return -1 if uid is None else uid, -1 if gid is None else gid


@cache
def _warn_of_owners() -> None:
    logger.warning(
        "Owners of files are not restored: only root may give files to other users. Mode and "
        "times are restored"
    )


def _format_seconds(time: int) -> str:
    seconds, rest = divmod(time, _SECOND)
    if not rest:
        return str(seconds)
    if seconds < 0:
        # Not the seconds before the time: the number itself.
        seconds, rest = seconds + 1, _SECOND - rest
    sign = "-" if time < 0 and not seconds else ""
    return f"{sign}{seconds}.{rest:09}".rstrip("0")


def _format_rfc_3339(time: int) -> str:
    seconds, rest = divmod(time, _SECOND)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f".{rest:09}".rstrip("0") if rest else ""
    return f"{text}{fraction}Z"


def _parse_time(text: str) -> int | None:
    """Return a time, in seconds or as RFC 3339, in nanoseconds since 1970 UTC."""
    found = _SECONDS.fullmatch(text)
    if found:
        fraction = int((found[2] or "").ljust(9, "0")[:9])
        whole = int(found[1]) * _SECOND
        return whole - fraction if text.startswith("-") else whole + fraction
    found = _RFC_3339.fullmatch(text)
    if found is None:
        return None
    try:
        time = datetime.fromisoformat(f"{found[1]}{found[3]}".replace("Z", "+00:00"))
    except ValueError:
        return None
    return int(time.timestamp()) * _SECOND + int((found[2] or "").ljust(9, "0")[:9])


def _parse_id(text: str) -> int | None:
    if not _DECIMAL.fullmatch(text) or int(text) > _MOST_ID:
        return None
    return int(text)
