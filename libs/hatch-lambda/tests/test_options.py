from __future__ import annotations

import pytest
from hatch_lambda.errors import LambdaBuildError
from hatch_lambda.options import Options, read_options


def test_every_option_has_a_default():
    assert read_options({}, {}) == Options()


def test_options_are_read_from_the_table():
    table = {
        "runtime": "python3.12",
        "architecture": "arm64",
        "bytecode": "auto",
        "debug-ranges": True,
        "include-sdk": True,
        "powertools-layer": True,
        "features": ["Some_Extra"],
        "exclude-dependencies": ["Some.Thing"],
        "exclude-files": ["package/*.js"],
        "keep": ["type-stubs"],
        "max-bytes": 6_000_000,
        "constraints": "constraints.txt",
        "versions": ["python3.12-arm64"],
    }

    assert read_options(table, {}) == Options(
        runtime="python3.12",
        architecture="arm64",
        bytecode="auto",
        debug_ranges=True,
        include_sdk=True,
        powertools_layer=True,
        features=("some-extra",),
        exclude_dependencies=("some-thing",),
        exclude_files=("package/*.js",),
        keep=("type-stubs",),
        max_bytes=6_000_000,
        constraints="constraints.txt",
    )


def test_environment_variables_take_precedence():
    environment = {
        "HATCH_LAMBDA_RUNTIME": "python3.14",
        "HATCH_LAMBDA_BYTECODE": "auto",
        "HATCH_LAMBDA_INCLUDE_SDK": "true",
        "HATCH_LAMBDA_EXCLUDE_DEPENDENCIES": "one, two",
        "HATCH_LAMBDA_MAX_BYTES": "250000",
        "HATCH_LAMBDA_CONSTRAINTS": "",
        "HATCH_LAMBDA_PYTHON": "/somewhere/python",
        "UNRELATED": "x",
    }

    options = read_options({"runtime": "python3.11", "constraints": "pins.txt"}, environment)

    assert options == Options(
        runtime="python3.14",
        bytecode="auto",
        include_sdk=True,
        exclude_dependencies=("one", "two"),
        max_bytes=250_000,
        constraints="pins.txt",
        interpreter="/somewhere/python",
    )


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("runtime", "python3.10", "python3.11, python3.12, python3.13, python3.14"),
        ("runtime", ["python3.12"], "python3.11"),
        ("architecture", "aarch64", "arm64, x86_64"),
        ("bytecode", "yes", 'true, false or "auto"'),
        ("bytecode", 1, 'true, false or "auto"'),
        ("include-sdk", "true", "true or false"),
        ("powertools-layer", 0, "true or false"),
        ("exclude-dependencies", "boto3", "array of names"),
        ("exclude-dependencies", ["boto3>=1"], "array of names"),
        ("exclude-files", "package/*.js", "array of patterns"),
        ("exclude-files", [""], "array of patterns"),
        ("features", [1], "array of names"),
        ("keep", ["stubs"], "type-stubs"),
        ("keep", "type-stubs", "an array of"),
        ("max-bytes", 0, "a positive integer"),
        ("max-bytes", True, "a positive integer"),
        ("max-bytes", "6 MB", "a positive integer"),
        ("constraints", "", "a path"),
        ("versions", ["python3.13"], "python3.13-arm64"),
    ],
)
def test_an_error_names_option_value_and_expected_values(name, value, allowed):
    with pytest.raises(LambdaBuildError) as error:
        read_options({name: value}, {})

    message = str(error.value)
    assert f"targets.lambda.{name}`" in message
    assert repr(value) in message
    assert allowed in message


def test_an_error_for_an_unknown_option_lists_the_supported_ones():
    with pytest.raises(LambdaBuildError, match=r"`run-time` with value 'python3\.13'") as error:
        read_options({"run-time": "python3.13"}, {})

    assert "runtime, architecture" in str(error.value)


def test_an_invalid_environment_variable_is_named():
    with pytest.raises(LambdaBuildError, match=r"`HATCH_LAMBDA_RUNTIME` is '3\.13'"):
        read_options({}, {"HATCH_LAMBDA_RUNTIME": "3.13"})


def test_a_size_that_is_not_a_number_is_rejected():
    with pytest.raises(LambdaBuildError, match="`HATCH_LAMBDA_MAX_BYTES` is '6 MB'"):
        read_options({}, {"HATCH_LAMBDA_MAX_BYTES": "6 MB"})


def test_a_misspelled_variable_is_rejected():
    with pytest.raises(LambdaBuildError, match="Unknown environment variable `HATCH_LAMBDA_ARCH`"):
        read_options({}, {"HATCH_LAMBDA_ARCH": "arm64"})
