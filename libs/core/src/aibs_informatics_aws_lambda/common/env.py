"""The environment (``dev``, ``test``, ``prod``), and resource names derived from it."""

from __future__ import annotations

import os
import re
from enum import Enum, StrEnum
from typing import ClassVar, Literal, TypeAlias

from .checked_text import CheckedText
from .exceptions import ApplicationException, ValidationError

ENV_BASE_KEY = "env_base"
ENV_BASE_KEY_ALIAS = "ENV_BASE"
ENV_TYPE_KEY = "env_type"
ENV_TYPE_KEY_ALIAS = "ENV_TYPE"
ENV_LABEL_KEY = "env_label"
ENV_LABEL_KEY_ALIAS = "ENV_LABEL"
LABEL_KEY = "label"
LABEL_KEY_ALIAS = "LABEL"

_BASE_KEYS = (ENV_BASE_KEY, ENV_BASE_KEY_ALIAS)
_TYPE_KEYS = (ENV_TYPE_KEY, ENV_TYPE_KEY_ALIAS)
_LABEL_KEYS = (ENV_LABEL_KEY, ENV_LABEL_KEY_ALIAS, LABEL_KEY, LABEL_KEY_ALIAS)

_ENV_BASE = re.compile(r"(dev|test|prod)(?:-(\w+))?")

Delimiter: TypeAlias = Literal["-", "_", ":", "/"]


class EnvType(StrEnum):
    """The type of an environment."""

    DEV = "dev"
    TEST = "test"
    PROD = "prod"

    @classmethod
    def values(cls) -> list[str]:
        """Return the names of all types."""
        return [env_type.value for env_type in cls]


class EnvBase(CheckedText):
    """An environment: its type, and a label if there are several of a type (``dev-alice``).

    Raises:
        ValidationError: the text is not ``dev``, ``test`` or ``prod``, optionally with ``-`` and
            a label of word characters.
    """

    __slots__ = ()

    json_schema: ClassVar = {
        "pattern": f"^{_ENV_BASE.pattern}$",
        "examples": ["prod", "dev-alice"],
    }

    ENV_BASE_KEY: ClassVar = ENV_BASE_KEY
    ENV_TYPE_KEY: ClassVar = ENV_TYPE_KEY
    ENV_LABEL_KEY: ClassVar = ENV_LABEL_KEY
    regex_pattern: ClassVar = _ENV_BASE

    @classmethod
    def _checked(cls, text: str) -> str:
        if not _ENV_BASE.fullmatch(text):
            raise ValidationError(
                f"{text!r} is not an environment base: expected dev, test or prod, "
                "optionally with '-' and a label of letters, digits and '_'"
            )
        return text

    @classmethod
    def from_type_and_label(cls, env_type: EnvType, env_label: str | None = None) -> EnvBase:
        """Return the environment of a type, with or without a label."""
        return cls(
            f"{EnvType(env_type).value}-{env_label}" if env_label else EnvType(env_type).value
        )

    @classmethod
    def from_env(cls) -> EnvBase:
        """Return the environment in the environment variables.

        Raises:
            ApplicationException: they contain neither a base nor a valid type.
            ValidationError: the base or the label is invalid.
        """
        base = _first_set(_BASE_KEYS)
        if base:
            return cls(base)
        return cls.from_type_and_label(_type_from_env(), _first_set(_LABEL_KEYS))

    @classmethod
    def load_env_type__from_env(cls) -> EnvType:
        """Return the type that the environment variables name.

        Raises:
            ApplicationException: they name no valid type.
        """
        return _type_from_env()

    @classmethod
    def load_env_label__from_env(cls) -> str | None:
        """Return the label that the environment variables name, if any."""
        return _first_set(_LABEL_KEYS)

    @property
    def env_type(self) -> EnvType:
        """The type of the environment."""
        return EnvType(self.partition("-")[0])

    @property
    def env_label(self) -> str | None:
        """The label, if there is one."""
        return self.partition("-")[2] or None

    def to_type_and_label(self) -> tuple[EnvType, str | None]:
        """Return type and label."""
        return self.env_type, self.env_label

    def to_env(self) -> None:
        """Set the environment variable of this process and its child processes."""
        os.environ[ENV_BASE_KEY] = str(self)

    @staticmethod
    def concat(*names: str, delim: Delimiter = "-") -> str:
        """Join names."""
        return delim.join(names)

    def prefixed(self, *names: str, delim: Delimiter = "-") -> str:
        """Prefix names with this base, unless the first one starts with it."""
        if names and (names[0] == self or names[0].startswith(f"{self}{delim}")):
            return self.concat(*names, delim=delim)
        return self.concat(str(self), *names, delim=delim)

    def suffixed(self, *names: str, delim: Delimiter = "-") -> str:
        """Suffix names with this base, unless the last one ends with it."""
        if names and (names[-1] == self or names[-1].endswith(f"{delim}{self}")):
            return self.concat(*names, delim=delim)
        return self.concat(*names, str(self), delim=delim)

    def get_bucket_name(self, base_name: str, account_id: str, region: str) -> str:
        """Return the name of a bucket, unique across accounts and regions."""
        return self.concat(str(self), base_name, region, account_id)

    def get_construct_id(self, *names: str) -> str:
        """Return the id of a CDK construct."""
        return self.prefixed(*names)

    def get_function_name(self, name: str) -> str:
        """Return the name of a Lambda function."""
        return self.prefixed(name)

    def get_job_name(self, name: str, hash_value: str) -> str:
        """Return the name of a Batch job."""
        return self.prefixed(name, hash_value)

    def get_metric_namespace(self, name: str) -> str:
        """Return the name of a CloudWatch namespace."""
        return self.concat("AIBS", str(self), name, delim="/")

    def get_pipeline_name(self, *names: str) -> str:
        """Return the name of a pipeline."""
        return self.prefixed(*names)

    def get_repository_name(self, *names: str) -> str:
        """Return the name of an image repository."""
        return self.concat(str(self), self.concat(*names), delim="/")

    def get_resource_name(self, *names: str) -> str:
        """Return the name of a resource of any other type."""
        return self.prefixed(*names)

    def get_ssm_param_name(self, *names: str) -> str:
        """Return the name of a Systems Manager parameter."""
        return f"/{self}/{self.concat(*names)}"

    def get_stack_name(self, *names: str) -> str:
        """Return the name of a CloudFormation stack."""
        return self.prefixed(*names)

    def get_stage_name(self, *names: str) -> str:
        """Return the name of a stage."""
        return self.prefixed(*names)

    def get_state_machine_name(self, name: str) -> str:
        """Return the name of a Step Functions state machine."""
        return self.prefixed(name)

    def get_state_machine_log_group_name(self, name: str) -> str:
        """Return the name of a state machine's log group."""
        return f"/aws/vendedlogs/{self}/states/{name}"

    def get_table_name(self, name: str) -> str:
        """Return the name of a DynamoDB table."""
        return self.prefixed(name)


class EnvBaseMixins:
    """Gives a class the property ``env_base``, read from environment variables on first use."""

    _env_base: EnvBase | None = None

    @property
    def env_base(self) -> EnvBase:
        """The environment of this object; can be set."""
        if self._env_base is None:
            self._env_base = EnvBase.from_env()
        return self._env_base

    @env_base.setter
    def env_base(self, value: str) -> None:
        self._env_base = EnvBase(value)


class EnvBaseEnumMixins:
    """Gives an enumeration of names their names in an environment."""

    def prefix_with(
        self, env_base: str | None = None, env_base_class: type[EnvBase] | None = None
    ) -> str:
        """Return the value prefixed with an environment, by default that of the process."""
        value = self.value if isinstance(self, Enum) else self
        return get_env_base(env_base, env_base_class).prefixed(str(value))


class ResourceNameBaseEnum(EnvBaseEnumMixins, StrEnum):
    """Base class of enumerations of resource names."""

    def get_name(self, env_base: EnvBase) -> str:
        """Return the name in an environment."""
        return self.prefix_with(env_base)


class _Unset:
    """The type of the default of an argument that may be `None`."""


_UNSET = _Unset()


def get_env_base(
    env_base: str | None = None, env_base_class: type[EnvBase] | None = None
) -> EnvBase:
    """Return ``env_base`` as an `EnvBase`; if it is `None`, the environment of the process.

    Raises:
        ApplicationException: ``env_base`` is `None`, and the environment variables contain none.
        ValidationError: the environment is invalid.
    """
    cls = env_base_class or EnvBase
    return cls.from_env() if env_base is None else cls(env_base)


def get_env_type(
    env_type: str | None = None,
    default_env_type: EnvType | None = None,
    env_base_class: type[EnvBase] | None = None,
) -> EnvType:
    """Return ``env_type`` as an `EnvType`; if it is `None`, the type of the process's environment.

    Args:
        env_type: the type.
        default_env_type: the default, if the environment variables contain no valid type.
        env_base_class: the class of the base in the environment variables.

    Raises:
        ValueError: ``env_type`` is not a type.
        ApplicationException: the environment variables contain no type, and there is no default.
        ValidationError: they contain an invalid base, and there is no default.
    """
    if env_type is not None:
        return EnvType(env_type)
    try:
        base = _first_set(_BASE_KEYS)
        return (env_base_class or EnvBase)(base).env_type if base else _type_from_env()
    except (ApplicationException, ValidationError):
        if default_env_type is None:
            raise
        return default_env_type


def get_env_label(
    env_label: str | _Unset | None = _UNSET, env_base_class: type[EnvBase] | None = None
) -> str | None:
    """Return ``env_label`` if it is valid; without it, the label of the process's environment.

    Raises:
        ValidationError: ``env_label`` is not a valid label.
    """
    cls = env_base_class or EnvBase
    if not isinstance(env_label, _Unset):
        return cls.from_type_and_label(EnvType.DEV, env_label).env_label
    try:
        return cls.from_env().env_label
    except (ApplicationException, ValidationError):
        return _first_set(_LABEL_KEYS)


def _type_from_env() -> EnvType:
    name = _first_set(_TYPE_KEYS)
    if name not in EnvType.values():
        raise ApplicationException(
            f"no environment is set: set {ENV_BASE_KEY_ALIAS}, or set {ENV_TYPE_KEY_ALIAS} to "
            f"one of {', '.join(EnvType.values())}" + (f" (it is {name!r})" if name else "")
        )
    return EnvType(name)


def _first_set(names: tuple[str, ...]) -> str | None:
    return next((os.environ[name] for name in names if os.environ.get(name)), None)
