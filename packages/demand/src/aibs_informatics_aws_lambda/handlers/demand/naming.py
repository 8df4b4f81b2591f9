"""Names of volumes, within the length limits of ECS.

ECS mounts a volume at a path with a component made of the names of task definition and volume and
the revision. If the component is too long, the EFS mount helper fails when the container starts.
The lengths are therefore checked in advance.
"""

import re
from collections.abc import Sequence
from pathlib import PurePath, PurePosixPath

from aibs_informatics_aws_lambda.common.hashing import sha256_hexdigest

DEFAULT_HASH_LENGTH = 8
ECS_VOLUME_COMPONENT_BUDGET = 139
EFS_VOLUME_NAME_MAX_LENGTH = 24

_REVISION_DIGITS = 3
_DEFAULT_LABEL = "vol"
_INVALID = re.compile(r"[^A-Za-z0-9_-]")


def build_efs_volume_name(
    mount_path: str | PurePath,
    file_system_id: str,
    access_point_id: str | None = None,
    max_length: int = EFS_VOLUME_NAME_MAX_LENGTH,
    delimiter: str = "-",
    hash_length: int = DEFAULT_HASH_LENGTH,
) -> str:
    """Return the name of a volume: the last segment of its path and a hash of its mount.

    Args:
        mount_path: the container path of the volume.
        file_system_id: the ID of the file system.
        access_point_id: the ID of the access point, if any.
        max_length: the maximum length of the name.
        delimiter: the text between the parts of the name.
        hash_length: the number of hexadecimal digits of a hash.

    Raises:
        ValueError: ``max_length`` is too small, or ``hash_length`` is not positive.
    """
    label = PurePosixPath(mount_path).name or file_system_id
    label = _INVALID.sub("-", label).strip("-") or _DEFAULT_LABEL
    identity = f"{file_system_id}|{access_point_id or ''}|{mount_path}"
    name = f"{label}{delimiter}{sha256_hexdigest(identity)[:hash_length]}"
    return condense_str(name, max_length, delimiter, hash_length)


def condense_str(
    text: str,
    max_length: int,
    delimiter: str = "-",
    hash_length: int = DEFAULT_HASH_LENGTH,
) -> str:
    """Shorten text to a maximum length by replacing its end with a hash of the whole text.

    Raises:
        ValueError: ``max_length`` is too small, or ``hash_length`` is not positive.
    """
    if hash_length <= 0:
        raise ValueError(f"hash_length is {hash_length}, not a positive integer")
    if len(text) <= max_length:
        return text
    kept = max_length - len(delimiter) - hash_length
    if kept < 1:
        raise ValueError(
            f"max_length {max_length} is too small for a name, {delimiter!r} and a hash of "
            f"{hash_length} digits"
        )
    return f"{text[:kept]}{delimiter}{sha256_hexdigest(text)[:hash_length]}"


def check_ecs_volume_component_budget(
    job_definition_name: str,
    volume_names: Sequence[str],
    max_revision_digits: int = _REVISION_DIGITS,
    budget: int = ECS_VOLUME_COMPONENT_BUDGET,
) -> None:
    """Check that ECS can mount the volumes of a job definition.

    Args:
        job_definition_name: the name of the job definition.
        volume_names: the names of its volumes.
        max_revision_digits: the number of digits to reserve for the revision.
        budget: the maximum total length of the three.

    Raises:
        ValueError: the names are too long; the message says by how many characters.
    """
    longest = max(map(len, volume_names), default=None)
    if longest is None:
        return
    excess = len(job_definition_name) + max_revision_digits + longest - budget
    if excess > 0:
        raise ValueError(
            f"the job definition name {job_definition_name!r} is {excess} characters too long for "
            f"ECS to mount its volumes: the name ({len(job_definition_name)}), the revision "
            f"({max_revision_digits}) and the longest volume name ({longest}) exceed {budget} "
            "characters. Shorten execution_type."
        )
