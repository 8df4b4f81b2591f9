"""Names of volumes, short enough for what ECS makes of them.

ECS mounts a volume at a path one component of which is made of the task definition's name, its
revision and the volume's name. The helper that mounts EFS fails where that component is too long,
and it does so only when the container starts; so lengths are checked here, before.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath, PurePosixPath
from typing import Final

from aibs_informatics_aws_lambda.common.hashing import sha256_hexdigest

DEFAULT_HASH_LENGTH: Final = 8
ECS_VOLUME_COMPONENT_BUDGET: Final = 139
EFS_VOLUME_NAME_MAX_LENGTH: Final = 24

_REVISION_DIGITS: Final = 3
_NAMELESS: Final = "vol"
_REFUSED = re.compile(r"[^A-Za-z0-9_-]")


def build_efs_volume_name(
    mount_path: str | PurePath,
    file_system_id: str,
    access_point_id: str | None = None,
    max_length: int = EFS_VOLUME_NAME_MAX_LENGTH,
    delimiter: str = "-",
    hash_length: int = DEFAULT_HASH_LENGTH,
) -> str:
    """Return the name of a volume: that of its folder, and a hash of what is mounted where.

    Args:
        mount_path: where the volume is mounted in the container.
        file_system_id: the file system.
        access_point_id: the access point that it is mounted through, if any.
        max_length: how many characters the name may have.
        delimiter: what joins name and hash.
        hash_length: how many hex digits a hash has.

    Raises:
        ValueError: the name has no room.
    """
    label = PurePosixPath(mount_path).name or file_system_id
    label = _REFUSED.sub("-", label).strip("-") or _NAMELESS
    identity = f"{file_system_id}|{access_point_id or ''}|{mount_path}"
    name = f"{label}{delimiter}{sha256_hexdigest(identity)[:hash_length]}"
    return condense_str(name, max_length, delimiter, hash_length)


def condense_str(
    text: str,
    max_length: int,
    delimiter: str = "-",
    hash_length: int = DEFAULT_HASH_LENGTH,
) -> str:
    """Return ``text`` if it fits, else its start, ``delimiter`` and a hash of the whole.

    Raises:
        ValueError: ``hash_length`` is not positive, or there is no room for a start.
    """
    if hash_length <= 0:
        raise ValueError(f"a hash of {hash_length} digits tells nothing apart")
    if len(text) <= max_length:
        return text
    room = max_length - len(delimiter) - hash_length
    if room < 1:
        raise ValueError(
            f"{max_length} characters have no room for a name, {delimiter!r} and a hash of "
            f"{hash_length} digits"
        )
    return f"{text[:room]}{delimiter}{sha256_hexdigest(text)[:hash_length]}"


def check_ecs_volume_component_budget(
    job_definition_name: str,
    volume_names: Sequence[str],
    max_revision_digits: int = _REVISION_DIGITS,
    budget: int = ECS_VOLUME_COMPONENT_BUDGET,
) -> None:
    """Refuse a job definition whose volumes ECS could not mount because of long names.

    Args:
        job_definition_name: the name of the job definition.
        volume_names: the names of its volumes.
        max_revision_digits: the length that is left to revision numbers.
        budget: the length that the three may have together.

    Raises:
        ValueError: they are longer; the message says by how much.
    """
    longest = max(map(len, volume_names), default=None)
    if longest is None:
        return
    excess = len(job_definition_name) + max_revision_digits + longest - budget
    if excess > 0:
        raise ValueError(
            f"the job definition name {job_definition_name!r} is {excess} characters too long for "
            f"ECS to mount its volumes: {len(job_definition_name)} for it, {max_revision_digits} "
            f"for its revision and {longest} for the longest volume name exceed {budget}; shorten "
            "execution_type"
        )
