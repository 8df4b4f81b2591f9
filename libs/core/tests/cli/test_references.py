from __future__ import annotations

import pytest
from aibs_informatics_aws_lambda.common.cli.references import find_references

PACKAGES = frozenset({"ours", "theirs"})


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import ours", ["1 ours"]),
        ("import ours.a, other", ["1 ours.a"]),
        ("from ours.a import B, C as D", ["1 ours.a.B", "1 ours.a.C"]),
        ("from ours.a import *", ["1 ours.a"]),
        ("from .ours import B", []),
        ("from . import ours", []),
        ("import other\n\nif True:\n    from theirs import x", ["4 theirs.x"]),
        ("import ours.a as a\na.B", ["1 ours.a", "2 ours.a.B"]),
        ("import ours.a\nours.a.B()", ["1 ours.a", "2 ours.a.B"]),
        ("from ours import a\na.B.c(1)", ["1 ours.a", "2 ours.a.B.c"]),
        ("from ours import a\nf(a).B", ["1 ours.a"]),
        ("a = 1\na.B", []),
        ("x = 'ours.a.handler'", ["1 ours.a.handler"]),
        ("x = 'ours'\ny = 'the ours.a module'\nz = b'ours.a'", []),
    ],
)
def test_references_are_imports_attributes_and_qualified_names(source, expected):
    found = find_references(source, PACKAGES)

    assert [f"{reference.line} {reference.name}" for reference in found] == expected
