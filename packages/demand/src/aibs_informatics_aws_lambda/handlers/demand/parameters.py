"""The parameters of a demand execution."""

# Cold start: annotations are not postponed, as pydantic would have to evaluate each at import.

from collections.abc import Mapping
from itertools import chain
from typing import Annotated, Any, Self, TypeAlias

from aibs_informatics_aws_lambda.common.json_io import JSON, JSONObject
from aibs_informatics_aws_lambda.common.model import PydanticBaseModel
from aibs_informatics_aws_lambda.common.s3 import S3Path
from pydantic import Discriminator, Field, PrivateAttr, Tag, model_validator
from pydantic.alias_generators import to_camel

from .job_params import (
    DownloadableJobParam,
    JobParam,
    UploadableJobParam,
    parse_input,
    parse_output,
    parse_plain,
    resolve,
)
from .references import to_variable_name

# Their lists are joined in this order.
_PAIR_FIELDS = (
    "param_pair_overrides",
    "param_pairs",
    "param_set_pairs",
    "param_set_pair_overrides",
    "input_output_pairs",
    "input_output_pair_overrides",
)


class ParamPair(PydanticBaseModel):
    """An input and the output that depends on it."""

    input: str | None = None
    output: str | None = None

    @property
    def names(self) -> list[str]:
        """The names of its parameters."""
        return [name for name in (self.input, self.output) if name is not None]

    @property
    def output_set(self) -> frozenset[str]:
        """The names of its outputs."""
        return frozenset(() if self.output is None else (self.output,))


class ParamSetPair(PydanticBaseModel):
    """Inputs and the outputs that depend on them."""

    inputs: list[str] = Field([])
    outputs: list[str] = Field([])

    @property
    def names(self) -> list[str]:
        """The names of its parameters."""
        return [*self.inputs, *self.outputs]

    @property
    def output_set(self) -> frozenset[str]:
        """The names of its outputs."""
        return frozenset(self.outputs)


def _form_of_pair(value: Any) -> str:
    if isinstance(value, dict):
        return "one" if "input" in value or "output" in value else "sets"
    return "one" if isinstance(value, ParamPair) else "sets"


Pair: TypeAlias = Annotated[
    Annotated[ParamPair, Tag("one")] | Annotated[ParamSetPair, Tag("sets")],
    Discriminator(_form_of_pair),
]


class DemandExecutionParameters(PydanticBaseModel):
    """The command, parameters, inputs and outputs of a job."""

    command: list[str] = Field(
        [], description="words of a bash command, joined by spaces without quoting"
    )
    params: dict[str, JSON] = Field({})
    inputs: list[str] = Field([], description="names of params to download before the job")
    outputs: list[str] = Field([], description="names of params to upload after the job")
    outputs_metadata: dict[str, dict[str, JSON]] = Field({})
    output_s3_prefix: S3Path | None = Field(None, description="default destination of outputs")
    param_pair_overrides: list[Pair] | None = None
    verbosity: bool = False

    _job_params: tuple[JobParam, ...] = PrivateAttr(default=())

    @model_validator(mode="before")
    @classmethod
    def _join_pairs(cls, data: Any) -> Any:
        return _with_joined_pairs(data) if isinstance(data, dict) else data

    @model_validator(mode="after")
    def _check(self) -> Self:
        _check_pairs(self.param_pair_overrides or [], {*self.inputs, *self.outputs})
        self._job_params = resolve(self._parse())
        return self

    @property
    def job_params(self) -> tuple[JobParam, ...]:
        """All parameters in their order, with resolved references."""
        return self._job_params

    @property
    def downloadable_job_params(self) -> list[DownloadableJobParam]:
        """The inputs in their order, with resolved references."""
        found = (self._find(name) for name in self.inputs)
        return [param for param in found if isinstance(param, DownloadableJobParam)]

    @property
    def uploadable_job_params(self) -> list[UploadableJobParam]:
        """The outputs in their order, with resolved references."""
        found = (self._find(name) for name in self.outputs)
        return [param for param in found if isinstance(param, UploadableJobParam)]

    def with_params(self, changed: Mapping[str, JSON]) -> Self:
        """Return a copy with changed params; references to them are resolved again."""
        copy = self.model_copy(update={"params": {**self.params, **changed}})
        copy._job_params = resolve(copy._parse())
        return copy

    def _find(self, name: str) -> JobParam | None:
        variable = to_variable_name(name)
        return next((param for param in self._job_params if param.variable == variable), None)

    def _parse(self) -> list[JobParam]:
        names = _by_variable(self.params)
        inputs = _variables(self.inputs, names, "inputs")
        outputs = _variables(self.outputs, names, "outputs")
        for variable in sorted(inputs & outputs):
            raise ValueError(f"the parameter {names[variable]!r} is both an input and an output")
        return [
            parse_input(name, self.params[name])
            if variable in inputs
            else parse_output(name, self.params[name], self.output_s3_prefix)
            if variable in outputs
            else parse_plain(name, self.params[name])
            for variable, name in names.items()
        ]


def _by_variable(params: Mapping[str, JSON]) -> dict[str, str]:
    """Return the names of parameters by variable name."""
    names: dict[str, str] = {}
    for name in params:
        variable = to_variable_name(name)
        if variable in names:
            raise ValueError(
                f"the parameters {names[variable]!r} and {name!r} have the same variable "
                f"{variable}: rename one of them"
            )
        names[variable] = name
    return names


def _variables(listed: list[str], names: Mapping[str, str], field: str) -> set[str]:
    for name in listed:
        if to_variable_name(name) not in names:
            raise ValueError(f"{field} lists {name!r}, which is not in params")
    return {to_variable_name(name) for name in listed}


def _with_joined_pairs(data: JSONObject) -> JSONObject:
    """Return a copy of a request with the pairs of all fields joined in one."""
    present = [
        (key, data[key])
        for field in _PAIR_FIELDS
        for key in dict.fromkeys((to_camel(field), field))
        if data.get(key) is not None
    ]
    for key, pairs in present:
        if not isinstance(pairs, list):
            raise ValueError(f"{key} is not a list")
    joined = list(chain.from_iterable(pairs for _, pairs in present))
    first = _PAIR_FIELDS[0]
    rest = {key: value for key, value in data.items() if key not in (first, to_camel(first))}
    return {**rest, first: joined} if joined else rest


def _check_pairs(pairs: list[ParamPair | ParamSetPair], known: set[str]) -> None:
    seen: set[frozenset[str]] = set()
    for pair in pairs:
        for name in pair.names:
            if name not in known:
                raise ValueError(
                    f"a pair lists {name!r}, which is not spelled like this in inputs or outputs"
                )
        if pair.output_set in seen:
            names = ", ".join(sorted(pair.output_set))
            raise ValueError(f"two pairs have the same outputs: {names}")
        if pair.output_set:
            seen.add(pair.output_set)
