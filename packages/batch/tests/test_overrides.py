import json

import pytest
from aibs_informatics_aws_lambda.handlers.batch.overrides import (
    MAX_OVERRIDES_LENGTH,
    build_container_overrides,
    check_overrides_length,
    serialize_overrides,
)


def test_overrides_are_in_pascal_case():
    assert build_container_overrides(
        [{"name": "A", "value": "1"}], [{"type": "VCPU", "value": "2"}]
    ) == {
        "Environment": [{"Name": "A", "Value": "1"}],
        "ResourceRequirements": [{"Type": "VCPU", "Value": "2"}],
    }


def test_overrides_have_both_lists_even_if_empty():
    assert build_container_overrides([], []) == {"Environment": [], "ResourceRequirements": []}


def test_the_length_includes_the_formatting_of_json():
    text = serialize_overrides([{"name": "A", "value": "é"}], [])

    assert "é" in text
    assert ", " not in text
    [container] = json.loads(text)["containerOverrides"]
    assert container["environment"] == [{"name": "A", "value": "é"}]


def test_overrides_may_have_8192_characters():
    free = MAX_OVERRIDES_LENGTH - len(serialize_overrides([{"name": "A", "value": ""}], []))

    check_overrides_length([{"name": "A", "value": "é" * free}], [])
    with pytest.raises(ValueError, match="have 8193 characters, and AWS Batch accepts 8192"):
        check_overrides_length([{"name": "A", "value": "é" * (free + 1)}], [])
