from __future__ import annotations

import pytest
from aibs_informatics_aws_lambda.common.exceptions import ValidationError
from aibs_informatics_aws_lambda.handlers.demand.parameters import DemandExecutionParameters
from hypothesis import given, strategies as st

REMOTE = "s3://bucket/raw/a.fastq"


def parameters_of(**fields) -> DemandExecutionParameters:
    return DemandExecutionParameters.from_dict(fields)


def input_of(value, **params):
    parameters = parameters_of(params={"in": value, **params}, inputs=["in"])
    return parameters.downloadable_job_params[0]


def output_of(value, prefix="s3://bucket/results", **params):
    parameters = parameters_of(
        params={"out": value, **params}, outputs=["out"], output_s3_prefix=prefix
    )
    return parameters.uploadable_job_params[0]


def refused(match, **fields):
    with pytest.raises(ValidationError, match=match):
        parameters_of(**fields)


def test_a_job_without_parameters_is_written_with_its_defaults():
    assert parameters_of().to_dict() == {
        "command": [],
        "params": {},
        "inputs": [],
        "outputs": [],
        "outputs_metadata": {},
        "verbosity": False,
    }


def test_nulls_inside_values_are_kept():
    written = parameters_of(
        params={"a": None, "b": {"c": None}}, outputs_metadata={"x": {"y": None}}
    ).to_dict()

    assert written["params"] == {"a": None, "b": {"c": None}}
    assert written["outputs_metadata"] == {"x": {"y": None}}


@pytest.mark.parametrize("field", ["command", "params", "inputs", "outputs", "outputs_metadata"])
def test_lists_and_objects_must_not_be_null(field):
    refused(field, **{field: None})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a b", "a b"),
        (True, "True"),
        (None, "None"),
        (1.5, "1.5"),
        ([1, "a"], "[1, 'a']"),
        ({"k": "v"}, "{'k': 'v'}"),
    ],
)
def test_a_plain_value_becomes_text_as_python_writes_it(value, text):
    assert [param.value for param in parameters_of(params={"x": value}).job_params] == [text]


@pytest.mark.parametrize(
    ("value", "local", "remote"),
    [
        (REMOTE, "tmp9d4ae859", REMOTE),
        (f"{REMOTE} @ reads/a", "reads/a", REMOTE),
        ("s3://bucket/a@b", "tmp1a4a1d72", "s3://bucket/a@b"),
        ({"local": "l x", "remote": "s3://bucket/a b"}, "l x", "s3://bucket/a b"),
        ({"local": "l", "remote": REMOTE, "action": "LOCALIZE", "more": 1}, "l", REMOTE),
    ],
)
def test_an_input_has_an_s3_uri_and_optionally_a_local_path(value, local, remote):
    param = input_of(value)

    assert (param.value, param.remote, param.filter_config) == (local, remote, None)


@pytest.mark.parametrize(
    ("value", "local", "remote"),
    [
        ("a//b", "a//b", "s3://bucket/results/a/b"),
        ("a/x @ s3://elsewhere/y/", "a/x", "s3://elsewhere/y/"),
        ({"local": "o", "remote": "s3://bucket/z"}, "o", "s3://bucket/z"),
        (5, "5", "s3://bucket/results/5"),
        ("a@b", "a@b", "s3://bucket/results/a@b"),
    ],
)
def test_an_output_has_a_local_path_and_optionally_an_s3_uri(value, local, remote):
    param = output_of(value)

    assert (param.value, param.remote) == (local, remote)


@pytest.mark.parametrize(
    "value",
    ["", " ", "a b", f"{REMOTE}  @ x", f"{REMOTE} @ ", f"{REMOTE} @ b @ c", f" {REMOTE}"],
)
def test_whitespace_is_only_valid_around_the_separator(value):
    with pytest.raises(ValidationError, match="the input 'in' is neither a path nor two paths"):
        input_of(value)


@pytest.mark.parametrize(
    "value",
    [
        5,
        None,
        ["s3://bucket/a"],
        {"local": "l"},
        {"remote": REMOTE},
        {"local": "", "remote": REMOTE},
        {"local": 1, "remote": REMOTE},
        {"local": "l", "remote": REMOTE, "action": "DELOCALIZE"},
        {"local": "l", "remote": REMOTE, "include": 5},
        {"local": "l", "remote": REMOTE, "include": ["("]},
    ],
)
def test_an_error_names_the_input_of_another_form(value):
    with pytest.raises(ValidationError, match="the input 'in'"):
        input_of(value)


@pytest.mark.parametrize(
    "value", [None, True, [1], {"local": "o"}, {"local": "o", "remote": "x", "action": "LOCALIZE"}]
)
def test_an_error_names_the_output_of_another_form(value):
    with pytest.raises(ValidationError, match="the output 'out'"):
        output_of(value)


def test_an_output_without_destination_is_an_error():
    with pytest.raises(ValidationError, match=r"'out' has no destination.*output_s3_prefix"):
        output_of("o", prefix=None)


@pytest.mark.parametrize("remote", ["/local/x", "s3://x/y", "http://host/x", "s3://b_c/x"])
def test_a_remote_must_be_an_s3_uri(remote):
    with pytest.raises(ValidationError, match="'in' has an invalid S3 URI"):
        input_of(remote)
    with pytest.raises(ValidationError, match="'out' has an invalid S3 URI"):
        output_of(f"o @ {remote}")


def test_filters_are_kept_unchanged_and_empty_ones_dropped():
    filters = {"include": [r".*\.fastq"], "exclude": "tmp/.*"}
    param = input_of({"local": "raw", "remote": "s3://bucket/raw/", **filters})

    assert param.filter_config.to_dict() == filters
    assert param.to_json() == {
        "action": "LOCALIZE",
        "local": "raw",
        "remote": "s3://bucket/raw/",
        **filters,
    }
    bare = output_of({"local": "o", "remote": "s3://bucket/z", "include": [], "exclude": ""})
    assert (bare.filter_config, bare.to_json()) == (None, "o @ s3://bucket/z")


def test_names_are_compared_as_variables():
    parameters = parameters_of(
        params={"my-in": REMOTE, "out.x": "o"},
        inputs=["MY_IN"],
        outputs=["Out-X"],
        output_s3_prefix="s3://bucket/r",
    )

    assert [param.name for param in parameters.downloadable_job_params] == ["my-in"]
    assert [param.name for param in parameters.uploadable_job_params] == ["out.x"]


@pytest.mark.parametrize(
    ("match", "fields"),
    [
        ("'a-b' and 'A.B' have the same variable A_B", {"params": {"a-b": 1, "A.B": 2}}),
        ("inputs lists 'x'", {"inputs": ["x"]}),
        ("outputs lists 'x'", {"outputs": ["x"]}),
        (
            "'out' is both an input and an output",
            {"params": {"out": REMOTE}, "inputs": ["out"], "outputs": ["OUT"]},
        ),
        ("parameter name '1x'", {"params": {"1x": 1}}),
        ("'x' contains NUL or unpaired surrogates", {"params": {"x": "a\0b"}}),
        ("'x' contains NUL or unpaired surrogates", {"params": {"x": "\ud800"}}),
    ],
)
def test_an_error_names_the_parameter_that_cannot_be_a_variable(match, fields):
    refused(match, **fields)


def test_references_are_resolved_in_locals_and_remotes_but_not_in_filters():
    param = input_of(
        {"local": "${S}/l", "remote": "s3://bucket/${sample}/${S}", "include": "${S}"},
        s="x",
        sample="s-1",
    )

    assert (param.value, param.remote, param.include) == ("x/l", "s3://bucket/s-1/x", "${S}")
    assert output_of("${Sample}/aligned", sample="s-1").remote == "s3://bucket/results/s-1/aligned"


def test_a_reference_to_an_input_or_output_is_its_local_path():
    parameters = parameters_of(
        params={"in": f"{REMOTE} @ r/a", "index": "${in}/index", "all": ["${IN}", {"k": "$in"}]},
        inputs=["in"],
    )

    assert [param.value for param in parameters.job_params] == [
        "r/a",
        "r/a/index",
        "['r/a', {'k': '$in'}]",
    ]


def test_the_default_local_path_is_derived_from_the_remote_as_given():
    # SHA-256 of the text s3://bucket/${S}.
    assert input_of("s3://bucket/${S}", s="x").value == "tmp66ad385a"
    assert input_of("s3://bucket/${S}", s="y").value == "tmp66ad385a"


@pytest.mark.parametrize(
    ("match", "params"),
    [
        (r"'x' refers to \$\{NOPE\}", {"x": "${NOPE}"}),
        ("'in' refers to itself", {"in": "s3://bucket/${IN}"}),
        (
            "circular reference among the parameters",
            {"in": "s3://bucket/${B} @ x", "b": "${IN}/y"},
        ),
        (
            "'in' still contains",
            {"in": "s3://bucket/x @ ${D}{UP}", "d": "$", "up": ".."},
        ),
        ("'in' is empty", {"in": "s3://bucket/x @ ${S}", "s": ""}),
        ("'in' contains a .* that does not start a reference", {"in": "s3://bucket/${a-b}"}),
    ],
)
def test_an_error_names_the_parameter_with_the_invalid_reference(match, params):
    refused(match, params={"in": REMOTE, **params}, inputs=["in"])


@pytest.mark.parametrize("local", ["..", "../x", "a/../../x", "./../x", "${UP}/x"])
def test_a_relative_path_must_not_leave_the_working_directory(local):
    with pytest.raises(ValidationError, match="'in' leaves the working directory"):
        input_of(f"{REMOTE} @ {local}", up="..")
    with pytest.raises(ValidationError, match="'out' leaves the working directory"):
        output_of(local, up="..")


def test_a_relative_path_may_contain_dots_inside_the_working_directory():
    assert input_of(f"{REMOTE} @ a/../b").value == "a/../b"


def test_errors_show_no_values_of_other_parameters():
    with pytest.raises(ValidationError) as raised:
        parameters_of(params={"x": "${NOPE}", "y": "secret"})

    assert "secret" not in str(raised.value)


def test_references_to_changed_params_are_resolved_again():
    parameters = parameters_of(params={"a": "1", "b": "<${A}>"})

    changed = parameters.with_params({"a": "2"})

    assert [param.value for param in changed.job_params] == ["2", "<2>"]
    assert [param.value for param in parameters.job_params] == ["1", "<1>"]


PAIRED = {
    "params": {"in": REMOTE, "out": "o"},
    "inputs": ["in"],
    "outputs": ["out"],
    "output_s3_prefix": "s3://bucket/r",
}
PAIR = {"input": "in", "output": "out"}
SETS = {"inputs": ["in"], "outputs": []}


@pytest.mark.parametrize(
    "field",
    [
        "param_pair_overrides",
        "param_pairs",
        "param_set_pairs",
        "param_set_pair_overrides",
        "input_output_pairs",
        "input_output_pair_overrides",
        "paramPairs",
    ],
)
def test_pairs_are_read_from_all_former_fields(field):
    written = parameters_of(**PAIRED, **{field: [PAIR, {}, SETS]}).to_dict()

    assert written["param_pair_overrides"] == [PAIR, {"inputs": [], "outputs": []}, SETS]


def test_pairs_of_several_fields_are_joined_in_order():
    written = parameters_of(
        **PAIRED, input_output_pairs=[SETS], param_pairs=[{}], param_pair_overrides=[PAIR]
    ).to_dict()

    assert written["param_pair_overrides"] == [PAIR, {"inputs": [], "outputs": []}, SETS]
    assert "param_pair_overrides" not in parameters_of(**PAIRED, param_pairs=[]).to_dict()


@pytest.mark.parametrize(
    ("match", "pairs"),
    [
        ("param_pairs is not a list", {"param_pairs": "x"}),
        ("a pair lists 'IN'", {"param_pairs": [{"input": "IN"}]}),
        ("same outputs: out", {"param_pairs": [PAIR, {"outputs": ["out"]}]}),
    ],
)
def test_pairs_must_match_the_parameters(match, pairs):
    refused(match, **PAIRED, **pairs)


def test_the_request_is_not_changed():
    request = {**PAIRED, "param_pairs": [PAIR]}
    before = {**request}

    parameters_of(**request)

    assert request == before


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just("${a}"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)
_fields = st.fixed_dictionaries(
    {
        "params": st.dictionaries(st.sampled_from(["a", "b", "c", "A", "d-e"]), _values),
        "inputs": st.lists(st.sampled_from(["a", "b"]), max_size=2),
        "outputs": st.lists(st.sampled_from(["c", "d_e"]), max_size=2),
        "output_s3_prefix": st.sampled_from([None, "s3://bucket/r"]),
    }
)


@given(_fields)
def test_any_parameters_are_valid_or_a_validation_error(fields):
    if DemandExecutionParameters.is_valid(fields):
        parameters = DemandExecutionParameters.from_dict(fields)
        assert DemandExecutionParameters.from_dict(parameters.to_dict()) == parameters
