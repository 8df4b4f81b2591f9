from __future__ import annotations

import os
import re

import pytest
from aibs_informatics_aws_lambda.common.env import (
    ENV_BASE_KEY,
    EnvBase,
    EnvBaseEnumMixins,
    EnvBaseMixins,
    EnvType,
    ResourceNameBaseEnum,
    get_env_base,
    get_env_label,
    get_env_type,
)
from aibs_informatics_aws_lambda.common.exceptions import ApplicationException, ValidationError
from aibs_informatics_aws_lambda.common.executor import BaseExecutor
from hypothesis import given, strategies as st

VARIABLES = ("env_base", "env_type", "env_label", "label")

labels = st.from_regex(r"\w+", fullmatch=True)
bases = st.builds(EnvBase.from_type_and_label, st.sampled_from(EnvType), st.none() | labels)
names = st.text(min_size=1, max_size=20)


@pytest.fixture(autouse=True)
def no_environment(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize(
    ("text", "env_type", "label"),
    [
        ("dev", EnvType.DEV, None),
        ("test-x", EnvType.TEST, "x"),
        ("prod-A_1", EnvType.PROD, "A_1"),
    ],
)
def test_base_has_a_type_and_perhaps_a_label(text, env_type, label):
    base = EnvBase(text)

    assert base == text
    assert (base.env_type, base.env_label) == base.to_type_and_label() == (env_type, label)
    assert EnvBase.from_type_and_label(env_type, label) == base


@pytest.mark.parametrize(
    "text", ["", "stage", "DEV", "dev-", "dev-a-b", "dev_a", "dev-a b", "xdev", "dev-a\n", None]
)
def test_invalid_base_is_rejected(text):
    with pytest.raises(ValidationError):
        EnvBase(text)


@pytest.mark.parametrize(
    ("method", "arguments", "name"),
    [
        ("prefixed", ["a", "b"], "dev-m-a-b"),
        ("prefixed", [], "dev-m"),
        ("prefixed", ["dev-m", "a"], "dev-m-a"),
        ("prefixed", ["dev-m-a", "b"], "dev-m-a-b"),
        ("prefixed", ["dev-mail"], "dev-m-dev-mail"),
        ("suffixed", ["a"], "a-dev-m"),
        ("suffixed", ["a", "dev-m"], "a-dev-m"),
        ("suffixed", ["a-dev-m"], "a-dev-m"),
        ("get_construct_id", ["a", "b"], "dev-m-a-b"),
        ("get_stack_name", ["a", "b"], "dev-m-a-b"),
        ("get_stage_name", ["a"], "dev-m-a"),
        ("get_pipeline_name", ["a"], "dev-m-a"),
        ("get_resource_name", ["a", "b"], "dev-m-a-b"),
        ("get_table_name", ["a"], "dev-m-a"),
        ("get_function_name", ["a"], "dev-m-a"),
        ("get_state_machine_name", ["a"], "dev-m-a"),
        ("get_job_name", ["a", "hash"], "dev-m-a-hash"),
        ("get_repository_name", ["a", "b"], "dev-m/a-b"),
        ("get_ssm_param_name", ["a", "b"], "/dev-m/a-b"),
        ("get_bucket_name", ["b", "123456789012", "us-west-2"], "dev-m-b-us-west-2-123456789012"),
        ("get_metric_namespace", ["n"], "AIBS/dev-m/n"),
        ("get_state_machine_log_group_name", ["s"], "/aws/vendedlogs/dev-m/states/s"),
        ("concat", ["a", "b"], "a-b"),
    ],
)
def test_names_of_resources(method, arguments, name):
    assert getattr(EnvBase("dev-m"), method)(*arguments) == name


@pytest.mark.parametrize("delim", ["-", "_", ":", "/"])
def test_names_are_joined_by_the_delimiter(delim):
    base = EnvBase("dev-m")

    assert base.concat("a", "b", delim=delim) == f"a{delim}b"
    assert base.prefixed("a", delim=delim) == f"dev-m{delim}a"
    assert base.prefixed(f"dev-m{delim}a", delim=delim) == f"dev-m{delim}a"
    assert base.suffixed(f"a{delim}dev-m", delim=delim) == f"a{delim}dev-m"


@given(bases)
def test_every_base_is_made_of_its_parts(base):
    assert EnvBase.from_type_and_label(*base.to_type_and_label()) == base
    assert EnvBase(str(base)) == base


@given(bases, st.lists(names, min_size=1), st.sampled_from("-_:/"))
def test_prefix_and_suffix_are_never_doubled(base, parts, delim):
    prefixed = base.prefixed(*parts, delim=delim)
    suffixed = base.suffixed(*parts, delim=delim)

    assert prefixed.startswith(base)
    assert base.prefixed(prefixed, delim=delim) == prefixed
    assert suffixed.endswith(base)
    assert base.suffixed(suffixed, delim=delim) == suffixed


@given(st.text())
def test_any_text_is_a_base_or_a_validation_error(text):
    assert EnvBase.is_valid(text) == bool(re.fullmatch(r"(dev|test|prod)(-\w+)?", text))


def test_base_makes_itself_the_environment_of_the_process(monkeypatch):
    monkeypatch.setenv("env_base", "prod")

    EnvBase("dev-m").to_env()

    assert os.environ[ENV_BASE_KEY] == "dev-m"
    assert EnvBase.from_env() == "dev-m"


@pytest.mark.parametrize(
    ("variables", "base"),
    [
        ({"env_base": "dev-a", "ENV_BASE": "dev-b", "env_type": "prod"}, "dev-a"),
        ({"env_base": "", "ENV_BASE": "dev-b", "env_type": "prod"}, "dev-b"),
        ({"env_type": "test", "ENV_TYPE": "prod"}, "test"),
        ({"ENV_TYPE": "prod", "env_label": "a", "ENV_LABEL": "b", "label": "c"}, "prod-a"),
        ({"ENV_TYPE": "prod", "ENV_LABEL": "b", "label": "c", "LABEL": "d"}, "prod-b"),
        ({"ENV_TYPE": "prod", "label": "c", "LABEL": "d"}, "prod-c"),
        ({"ENV_TYPE": "prod", "LABEL": "d"}, "prod-d"),
    ],
)
def test_environment_is_read_from_the_first_variable_that_is_set(monkeypatch, variables, base):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert EnvBase.from_env() == base
    assert get_env_base() == base
    assert get_env_type() == EnvBase(base).env_type
    assert get_env_label() == EnvBase(base).env_label


@pytest.mark.parametrize("env_type", [None, "", "stage"])
def test_environment_that_is_not_named_is_an_application_exception(monkeypatch, env_type):
    if env_type is not None:
        monkeypatch.setenv("ENV_TYPE", env_type)

    for call in (EnvBase.from_env, get_env_base, get_env_type):
        with pytest.raises(ApplicationException, match="set ENV_BASE"):
            call()


@pytest.mark.parametrize(
    "variables", [{"ENV_BASE": "stage"}, {"ENV_TYPE": "dev", "ENV_LABEL": "a-b"}]
)
def test_environment_that_is_named_wrongly_is_a_validation_error(monkeypatch, variables):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(ValidationError):
        EnvBase.from_env()


def test_given_base_takes_precedence_over_the_environment(monkeypatch):
    monkeypatch.setenv("ENV_BASE", "prod")

    class Special(EnvBase):
        pass

    assert get_env_base("dev") == "dev"
    assert type(get_env_base("dev", Special)) is Special
    assert type(get_env_base(None, Special)) is Special


def test_given_type_takes_precedence_over_the_environment(monkeypatch):
    monkeypatch.setenv("ENV_BASE", "prod")

    assert get_env_type("dev") is EnvType.DEV
    assert get_env_type() is EnvType.PROD
    with pytest.raises(ValueError, match="stage"):
        get_env_type("stage")


@pytest.mark.parametrize("variables", [{}, {"ENV_TYPE": "stage"}, {"ENV_BASE": "stage"}])
def test_default_type_stands_in_for_any_failure(monkeypatch, variables):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert get_env_type(default_env_type=EnvType.TEST) is EnvType.TEST


def test_given_label_is_checked():
    assert get_env_label("abc") == "abc"
    assert get_env_label(None) is None
    with pytest.raises(ValidationError):
        get_env_label("a-b")


def test_label_of_the_environment_is_that_of_its_base_or_the_variable_as_it_is(monkeypatch):
    assert get_env_label() is None
    monkeypatch.setenv("LABEL", "not-a-label")
    assert get_env_label() == "not-a-label"
    monkeypatch.setenv("ENV_BASE", "dev-a")
    assert get_env_label() == "a"


@pytest.mark.parametrize("cls", [EnvBaseMixins, BaseExecutor])
def test_env_base_is_read_when_first_asked_for_and_can_be_set(monkeypatch, cls):
    thing = cls()
    monkeypatch.setenv("ENV_BASE", "dev-a")
    assert thing.env_base == "dev-a"
    monkeypatch.setenv("ENV_BASE", "dev-b")
    assert thing.env_base == "dev-a"

    thing.env_base = "prod"

    assert thing.env_base == "prod"
    assert isinstance(thing.env_base, EnvBase)
    assert cls().env_base == "dev-b"


def test_enumerated_names_have_a_form_in_an_environment(monkeypatch):
    class Name(ResourceNameBaseEnum):
        JOBS = "jobs"

    assert Name.JOBS == "jobs"
    assert Name.JOBS.get_name(EnvBase("dev-m")) == "dev-m-jobs"
    assert Name.JOBS.prefix_with("prod") == "prod-jobs"
    monkeypatch.setenv("ENV_BASE", "test")
    assert Name.JOBS.prefix_with() == "test-jobs"


def test_text_can_have_a_form_in_an_environment_too():
    class Name(EnvBaseEnumMixins, str):
        pass

    assert Name("jobs").prefix_with("dev") == "dev-jobs"


def test_types_are_listed():
    assert EnvType.values() == ["dev", "test", "prod"]


def test_stages_and_pipelines_may_have_several_names():
    assert EnvBase("dev-alice").get_stage_name("a", "b") == "dev-alice-a-b"
    assert EnvBase("dev-alice").get_pipeline_name("a", "b") == "dev-alice-a-b"
    assert EnvBase("dev-alice").get_stage_name("dev-alice-x") == "dev-alice-x"


def test_type_and_label_are_loaded_from_the_environment(monkeypatch):
    monkeypatch.setenv(EnvBase.ENV_TYPE_KEY, "test")
    monkeypatch.setenv("ENV_LABEL", "bob")

    assert EnvBase.load_env_type__from_env() == "test"
    assert EnvBase.load_env_label__from_env() == "bob"
    assert EnvBase.regex_pattern.fullmatch("dev-alice")
