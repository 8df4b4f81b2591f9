from __future__ import annotations

from hatch_lambda.uv_pip import advice


def test_an_unknown_error_gets_general_advice():
    assert "ranges" in advice("something new")
