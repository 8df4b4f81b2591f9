from __future__ import annotations

import pytest
from aibs_informatics_aws_lambda.handlers.demand.naming import (
    DEFAULT_HASH_LENGTH,
    ECS_VOLUME_COMPONENT_BUDGET,
    EFS_VOLUME_NAME_MAX_LENGTH,
    build_efs_volume_name,
    check_ecs_volume_component_budget,
    condense_str,
)
from hypothesis import given, strategies as st


@pytest.mark.parametrize(
    ("path", "fs", "access_point", "name"),
    [
        ("/opt/efs/scratch", "fs-12345678", "fsap-12345678", "scratch-8155b1d3"),
        ("/opt/efs/scratch", "fs-12345678", None, "scratch-1e7230d0"),
        ("/opt/efs/shared", "fs-12345678", "fsap-23456789", "shared-cdec76e1"),
        ("/", "fs-12345678", None, "fs-12345678-ac239876"),
        ("/data/My Volume (1)", "fs-12345678", None, "My-Volume--1-3e62f388"),
        ("/x/" + 40 * "v", "fs-12345678", None, "vvvvvvvvvvvvvvv-404a2ec3"),
        ("/x/données", "fs-1", None, "donn-es-0b38e417"),
        ("/x/+++", "fs-1", None, "vol-72bf30c1"),
    ],
)
def test_a_volume_is_named_by_its_directory_and_a_hash_of_its_mount(path, fs, access_point, name):
    assert build_efs_volume_name(path, fs, access_point) == name


def test_a_long_text_keeps_its_start_and_ends_in_a_hash():
    assert condense_str(40 * "a", 24) == "aaaaaaaaaaaaaaa-e33cdf9c"
    assert condense_str(24 * "a", 24) == 24 * "a"


@pytest.mark.parametrize(("length", "digits"), [(9, 8), (24, 0), (24, -1)])
def test_a_maximum_length_that_is_too_small_is_an_error(length, digits):
    with pytest.raises(ValueError, match="hash"):
        condense_str(40 * "a", length, hash_length=digits)


@given(st.text(), st.integers(10, 60))
def test_a_condensed_text_is_never_too_long(text, length):
    condensed = condense_str(text, length)

    assert condensed == text if len(text) <= length else len(condensed) == length


@given(st.text("abc/ .é+-", max_size=60))
def test_a_volume_name_is_valid_in_batch(path):
    name = build_efs_volume_name(f"/{path}", "fs-12345678", "fsap-12345678")

    assert len(name) <= EFS_VOLUME_NAME_MAX_LENGTH
    assert name.replace("-", "").replace("_", "").isalnum()
    assert name.isascii()


def test_names_fill_the_budget_exactly():
    longest = ECS_VOLUME_COMPONENT_BUDGET - 3 - 16
    check_ecs_volume_component_budget("n" * longest, ["short", "v" * 16])

    with pytest.raises(ValueError, match=r"1 characters too long.*Shorten execution_type"):
        check_ecs_volume_component_budget("n" * (longest + 1), ["short", "v" * 16])


def test_without_volumes_any_name_is_valid():
    check_ecs_volume_component_budget("n" * 500, [])


def test_the_default_hash_is_short():
    assert DEFAULT_HASH_LENGTH == 8
