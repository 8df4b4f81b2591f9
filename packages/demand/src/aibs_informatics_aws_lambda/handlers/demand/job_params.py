"""Parameters of a job: plain values, inputs to download, and outputs to upload."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import ClassVar, TypeVar

from aibs_informatics_aws_lambda.common.exceptions import ValidationError
from aibs_informatics_aws_lambda.common.hashing import sha256_hexdigest
from aibs_informatics_aws_lambda.common.json_check import is_unicode
from aibs_informatics_aws_lambda.common.json_io import JSON
from aibs_informatics_aws_lambda.common.s3 import S3Path
from aibs_informatics_aws_lambda.storage.data_sync.filters import DataSyncFilterConfig, Patterns

from .references import fill_references, find_references, sort_by_references, to_variable_name

_SEPARATOR = " @ "
_TEXT_FORM = re.compile(r"(\S+)(?: @ (\S+))?")
_SPACE = re.compile(r"\s")
_DEFAULT_LOCAL_PREFIX = "tmp"
_DEFAULT_LOCAL_DIGITS = 8


@dataclass(frozen=True)
class JobParam:
    """A parameter of a job.

    Args:
        name: the name in the request.
        value: the value of its environment variable; for inputs and outputs, the local path.
    """

    name: str
    value: str

    @property
    def variable(self) -> str:
        """The name of its environment variable."""
        return to_variable_name(self.name)

    @property
    def texts(self) -> tuple[str, ...]:
        """The texts that may contain references."""
        return (self.value,)


@dataclass(frozen=True)
class SyncedJobParam(JobParam):
    """A parameter whose value is a local path that is synced with S3.

    Args:
        remote: the S3 URI, as given in the request.
        include: patterns of the files to sync; default: all.
        exclude: patterns of the files to skip.
    """

    action: ClassVar[str]

    remote: str
    include: Patterns | None = None
    exclude: Patterns | None = None

    @property
    def texts(self) -> tuple[str, ...]:
        """The texts that may contain references; patterns may not."""
        return self.value, self.remote

    @property
    def filter_config(self) -> DataSyncFilterConfig | None:
        """The patterns as filters of a sync; `None` without any."""
        if not self.include and not self.exclude:
            return None
        return DataSyncFilterConfig(include=self.include or None, exclude=self.exclude or None)

    def to_json(self) -> JSON:
        """Return the parameter in the form of a request, as text if possible."""
        filters = {"include": self.include, "exclude": self.exclude}
        given = {name: patterns for name, patterns in filters.items() if patterns}
        if given or any(map(_SPACE.search, self.texts)):
            return {"action": self.action, "local": self.value, "remote": self.remote, **given}
        return self._to_text()

    def _to_text(self) -> str:
        raise NotImplementedError


class DownloadableJobParam(SyncedJobParam):
    """An input, downloaded before the job starts."""

    action: ClassVar[str] = "LOCALIZE"

    def _to_text(self) -> str:
        return f"{self.remote}{_SEPARATOR}{self.value}"


class UploadableJobParam(SyncedJobParam):
    """An output, uploaded after the job."""

    action: ClassVar[str] = "DELOCALIZE"

    def _to_text(self) -> str:
        return f"{self.value}{_SEPARATOR}{self.remote}"


def parse_plain(name: str, value: JSON) -> JobParam:
    """Parse a parameter that is neither input nor output; its text is Python's ``str``."""
    return JobParam(name, str(value))


def parse_input(name: str, value: JSON) -> DownloadableJobParam:
    """Parse an input: ``REMOTE``, ``REMOTE @ LOCAL``, or an object.

    Raises:
        ValueError: the value has another form; the message names the parameter.
    """
    kind = f"the input {name!r}"
    if isinstance(value, dict):
        return DownloadableJobParam(name, *_read_object(kind, value, DownloadableJobParam.action))
    if not isinstance(value, str):
        raise ValueError(f"{kind} is neither a string nor an object")
    remote, local = _read_text(kind, value)
    return DownloadableJobParam(name, local or _default_local(remote), remote)


def parse_output(name: str, value: JSON, prefix: S3Path | None) -> UploadableJobParam:
    """Parse an output: ``LOCAL``, ``LOCAL @ REMOTE``, or an object.

    Args:
        name: the name in the request.
        value: the value in the request.
        prefix: the default S3 prefix of outputs.

    Raises:
        ValueError: the value has another form, or has no destination; the message names the
            parameter.
    """
    kind = f"the output {name!r}"
    if isinstance(value, dict):
        return UploadableJobParam(name, *_read_object(kind, value, UploadableJobParam.action))
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"{kind} is neither a string nor an object")
    local, remote = _read_text(kind, str(value))
    if remote is None and prefix is None:
        raise ValueError(f"{kind} has no destination: add one, or set output_s3_prefix")
    return UploadableJobParam(name, local, remote or _below(prefix, local))


def resolve(params: Sequence[JobParam]) -> tuple[JobParam, ...]:
    """Return validated parameters with resolved references.

    Raises:
        ValueError: a reference is unknown or circular, or a resolved value is invalid; the message
            names the parameters.
    """
    by_variable = {param.variable: param for param in params}
    references = {
        variable: [found for text in param.texts for found in find_references(text)]
        for variable, param in by_variable.items()
    }
    names = {variable: param.name for variable, param in by_variable.items()}
    resolved: dict[str, JobParam] = {}
    values: dict[str, str] = {}
    for variable in sort_by_references(references, names):
        resolved[variable] = _resolve_one(by_variable[variable], values)
        values[variable] = resolved[variable].value
    return tuple(resolved[param.variable] for param in params)


Param = TypeVar("Param", bound=JobParam)


def checked(param: Param) -> Param:
    """Return a resolved parameter, if it is valid.

    Raises:
        ValueError: the value is not valid for a variable, the local path leaves the working
            directory, or the S3 URI is invalid; the message names the parameter.
    """
    if "\0" in param.value or not is_unicode(param.value):
        raise ValueError(
            f"the parameter {param.name!r} contains NUL or unpaired surrogates, which an "
            "environment variable cannot"
        )
    if isinstance(param, SyncedJobParam):
        _check_local(param)
        _check_remote(param)
    return param


def leaves_directory(path: str) -> bool:
    """Return whether a relative path leaves its directory by ``..``, without file access."""
    depth = 0
    for part in PurePosixPath(path).parts:
        depth += -1 if part == ".." else 1
        if depth < 0:
            return True
    return False


def _resolve_one(param: Param, values: dict[str, str]) -> Param:
    try:
        changes = {"value": fill_references(param.value, values)}
        if isinstance(param, SyncedJobParam):
            changes["remote"] = fill_references(param.remote, values)
    except ValueError as error:
        raise ValueError(f"the parameter {param.name!r} is too long: {error}") from None
    return checked(replace(param, **changes))


def _check_local(param: SyncedJobParam) -> None:
    if not param.value:
        raise ValueError(f"the local path of {param.name!r} is empty")
    if find_references(param.value):
        # Several parameters together formed a reference, which would be resolved again later.
        raise ValueError(
            f"the local path of {param.name!r} still contains a reference after all were resolved"
        )
    if not param.value.startswith("/") and leaves_directory(param.value):
        raise ValueError(f"the local path of {param.name!r} leaves the working directory")


def _check_remote(param: SyncedJobParam) -> None:
    if "${" in param.remote:
        raise ValueError(
            f"the S3 URI of {param.name!r} contains a '${{' that does not start a reference: "
            "expected ${NAME} with letters, digits and '_'"
        )
    try:
        S3Path(param.remote)
    except ValidationError as error:
        raise ValueError(f"the parameter {param.name!r} has an invalid S3 URI: {error}") from None


def _read_text(kind: str, text: str) -> tuple[str, str | None]:
    match = _TEXT_FORM.fullmatch(text)
    if not match:
        raise ValueError(
            f"{kind} is neither a path nor two paths separated by {_SEPARATOR!r}: use an object "
            "for paths with whitespace"
        )
    return match[1], match[2]


def _read_object(
    kind: str, value: dict[str, JSON], action: str
) -> tuple[str, str, Patterns | None, Patterns | None]:
    if value.get("action", action) != action:
        raise ValueError(f"the action of {kind} is not {action}")
    for field in ("local", "remote"):
        if not isinstance(value.get(field), str) or not value[field]:
            raise ValueError(f"{kind} has no {field!r}, or one that is not a string")
    include, exclude = (_read_patterns(kind, value, field) for field in ("include", "exclude"))
    return value["local"], value["remote"], include, exclude


def _read_patterns(kind: str, value: dict[str, JSON], field: str) -> Patterns | None:
    patterns = value.get(field)
    if not patterns:
        return None
    each: Iterable[JSON] = patterns if isinstance(patterns, list) else [patterns]
    for pattern in each:
        if not isinstance(pattern, str):
            raise ValueError(f"{field!r} of {kind} is neither a string nor a list of strings")
        try:
            # The sync also refuses those that could take exponential time. The check is not in
            # the zip, which it would make a twentieth larger.
            re.compile(pattern)
        except re.error as error:
            raise ValueError(
                f"{field!r} of {kind} is not a valid regular expression: {error}"
            ) from None
    return patterns  # type: ignore[no-any-return] # each was checked


def _default_local(remote: str) -> str:
    return f"{_DEFAULT_LOCAL_PREFIX}{sha256_hexdigest(remote)[:_DEFAULT_LOCAL_DIGITS]}"


def _below(prefix: S3Path | None, local: str) -> str:
    return "" if prefix is None else str(S3Path.build(prefix.bucket, f"{prefix.key}/{local}"))
