"""Parameters of a job: plain values, inputs that are downloaded, outputs that are uploaded."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import ClassVar, TypeVar

from aibs_informatics_aws_lambda.common.exceptions import ValidationError
from aibs_informatics_aws_lambda.common.hashing import sha256_hexdigest
from aibs_informatics_aws_lambda.common.json_io import JSON
from aibs_informatics_aws_lambda.common.s3 import S3Path
from aibs_informatics_aws_lambda.storage.data_sync.filters import DataSyncFilterConfig, Patterns

from .references import fill, in_order_of_references, references_in, to_variable_name

_SEPARATOR = " @ "
_TEXT_FORM = re.compile(r"(\S+)(?: @ (\S+))?")
_SPACE = re.compile(r"\s")
_DEFAULT_LOCAL_PREFIX = "tmp"
_DEFAULT_LOCAL_DIGITS = 8


@dataclass(frozen=True)
class JobParam:
    """A parameter of a job.

    Args:
        name: what the caller calls it.
        value: what the job gets in its environment; for inputs and outputs the local path.
    """

    name: str
    value: str

    @property
    def variable(self) -> str:
        """The environment variable in which the job gets it."""
        return to_variable_name(self.name)

    @property
    def texts(self) -> tuple[str, ...]:
        """The texts in which it may refer to other parameters."""
        return (self.value,)


@dataclass(frozen=True)
class SyncedJobParam(JobParam):
    """A parameter whose value is a local path that is synced with a place on S3.

    Args:
        remote: the place on S3, as the caller wrote it.
        include: patterns of what is synced, if not all.
        exclude: patterns of what is not.
    """

    action: ClassVar[str]

    remote: str
    include: Patterns | None = None
    exclude: Patterns | None = None

    @property
    def texts(self) -> tuple[str, ...]:
        """The texts in which it may refer to other parameters: not its patterns."""
        return self.value, self.remote

    @property
    def filter_config(self) -> DataSyncFilterConfig | None:
        """Its patterns as a sync takes them; `None` without any."""
        if not self.include and not self.exclude:
            return None
        return DataSyncFilterConfig(include=self.include or None, exclude=self.exclude or None)

    def to_json(self) -> JSON:
        """Return it in the form in which a caller writes it, as text where that is possible."""
        filters = {"include": self.include, "exclude": self.exclude}
        given = {name: patterns for name, patterns in filters.items() if patterns}
        if given or any(map(_SPACE.search, self.texts)):
            return {"action": self.action, "local": self.value, "remote": self.remote, **given}
        return self._to_text()

    def _to_text(self) -> str:
        raise NotImplementedError


class DownloadableJobParam(SyncedJobParam):
    """An input: downloaded before the job starts."""

    action: ClassVar[str] = "LOCALIZE"

    def _to_text(self) -> str:
        return f"{self.remote}{_SEPARATOR}{self.value}"


class UploadableJobParam(SyncedJobParam):
    """An output: uploaded after the job has ended."""

    action: ClassVar[str] = "DELOCALIZE"

    def _to_text(self) -> str:
        return f"{self.value}{_SEPARATOR}{self.remote}"


def parse_plain(name: str, value: JSON) -> JobParam:
    """Return a parameter that is neither input nor output; its text is Python's ``str``."""
    return JobParam(name, str(value))


def parse_input(name: str, value: JSON) -> DownloadableJobParam:
    """Read an input: ``REMOTE``, ``REMOTE @ LOCAL``, or an object.

    Raises:
        ValueError: it is in none of these forms; the message names the parameter.
    """
    kind = f"the input {name!r}"
    if isinstance(value, dict):
        return DownloadableJobParam(name, *_read_object(kind, value, DownloadableJobParam.action))
    if not isinstance(value, str):
        raise ValueError(f"{kind} is neither text nor an object")
    remote, local = _read_text(kind, value)
    return DownloadableJobParam(name, local or _default_local(remote), remote)


def parse_output(name: str, value: JSON, prefix: S3Path | None) -> UploadableJobParam:
    """Read an output: ``LOCAL``, ``LOCAL @ REMOTE``, or an object.

    Args:
        name: what the caller calls the parameter.
        value: what the caller gave for it.
        prefix: the place on S3 below which outputs go that do not say where to.

    Raises:
        ValueError: it is in none of these forms, or there is no place for it; the message names
            the parameter.
    """
    kind = f"the output {name!r}"
    if isinstance(value, dict):
        return UploadableJobParam(name, *_read_object(kind, value, UploadableJobParam.action))
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"{kind} is neither text nor an object")
    local, remote = _read_text(kind, str(value))
    if remote is None and prefix is None:
        raise ValueError(f"{kind} names no destination: add one, or give output_s3_prefix")
    return UploadableJobParam(name, local, remote or _below(prefix, local))


def resolve(params: Sequence[JobParam]) -> tuple[JobParam, ...]:
    """Return parameters with all references filled in, and checked.

    Raises:
        ValueError: a reference leads nowhere or in a circle, or the filled text is not possible;
            the message names the parameters.
    """
    by_variable = {param.variable: param for param in params}
    references = {
        variable: [found for text in param.texts for found in references_in(text)]
        for variable, param in by_variable.items()
    }
    names = {variable: param.name for variable, param in by_variable.items()}
    filled: dict[str, JobParam] = {}
    values: dict[str, str] = {}
    for variable in in_order_of_references(references, names):
        filled[variable] = _filled(by_variable[variable], values)
        values[variable] = filled[variable].value
    return tuple(filled[param.variable] for param in params)


Param = TypeVar("Param", bound=JobParam)


def checked(param: Param) -> Param:
    """Return a parameter whose references are filled in, if a job can have it.

    Raises:
        ValueError: no variable can hold it, its local path leaves the working folder, or its
            place on S3 is none; the message names the parameter.
    """
    if "\0" in param.value or not _is_unicode(param.value):
        raise ValueError(f"the parameter {param.name!r} holds what no environment variable can")
    if isinstance(param, SyncedJobParam):
        _check_local(param)
        _check_remote(param)
    return param


def leaves_folder(path: str) -> bool:
    """Tell whether a relative path leads out of the folder it starts in, by its text alone."""
    depth = 0
    for part in PurePosixPath(path).parts:
        depth += -1 if part == ".." else 1
        if depth < 0:
            return True
    return False


def _filled(param: Param, values: dict[str, str]) -> Param:
    try:
        changes = {"value": fill(param.value, values)}
        if isinstance(param, SyncedJobParam):
            changes["remote"] = fill(param.remote, values)
    except ValueError as error:
        raise ValueError(f"the parameter {param.name!r} is too long: {error}") from None
    return checked(replace(param, **changes))


def _check_local(param: SyncedJobParam) -> None:
    if not param.value:
        raise ValueError(f"the local path of {param.name!r} is empty")
    if references_in(param.value):
        # It was put together of several parameters, and would be filled in anew later.
        raise ValueError(
            f"the local path of {param.name!r} holds a reference after all are filled"
        )
    if not param.value.startswith("/") and leaves_folder(param.value):
        raise ValueError(f"the local path of {param.name!r} leaves the working folder")


def _check_remote(param: SyncedJobParam) -> None:
    if "${" in param.remote:
        raise ValueError(
            f"the S3 URI of {param.name!r} holds a '${{' that is no reference: "
            "expected ${NAME} with letters, digits and '_'"
        )
    try:
        S3Path(param.remote)
    except ValidationError as error:
        raise ValueError(f"the parameter {param.name!r} names no place on S3: {error}") from None


def _is_unicode(text: str) -> bool:
    """Tell whether text has a UTF-8 form: JSON may hold half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _read_text(kind: str, text: str) -> tuple[str, str | None]:
    match = _TEXT_FORM.fullmatch(text)
    if not match:
        raise ValueError(
            f"{kind} is not one path, or two with {_SEPARATOR!r} between them; paths with white "
            "space need the form of an object"
        )
    return match[1], match[2]


def _read_object(
    kind: str, value: dict[str, JSON], action: str
) -> tuple[str, str, Patterns | None, Patterns | None]:
    if value.get("action", action) != action:
        raise ValueError(f"{kind} has another action than {action}")
    for field in ("local", "remote"):
        if not isinstance(value.get(field), str) or not value[field]:
            raise ValueError(f"{kind} has no {field!r}, or one that is no text")
    include, exclude = (_read_patterns(kind, value, field) for field in ("include", "exclude"))
    return value["local"], value["remote"], include, exclude


def _read_patterns(kind: str, value: dict[str, JSON], field: str) -> Patterns | None:
    patterns = value.get(field)
    if not patterns:
        return None
    each: Iterable[JSON] = patterns if isinstance(patterns, list) else [patterns]
    for pattern in each:
        if not isinstance(pattern, str):
            raise ValueError(f"{kind} has an {field!r} that is neither text nor a list of texts")
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(
                f"{kind} has an {field!r} that is no regular expression: {error}"
            ) from None
    return patterns  # type: ignore[no-any-return] # each was looked at


def _default_local(remote: str) -> str:
    return f"{_DEFAULT_LOCAL_PREFIX}{sha256_hexdigest(remote)[:_DEFAULT_LOCAL_DIGITS]}"


def _below(prefix: S3Path | None, local: str) -> str:
    return "" if prefix is None else str(S3Path.build(prefix.bucket, f"{prefix.key}/{local}"))
