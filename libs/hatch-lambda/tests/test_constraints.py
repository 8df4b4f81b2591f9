from __future__ import annotations

import pytest
from hatch_lambda.constraints import pinned_hashes, read_pins
from hatch_lambda.errors import LambdaBuildError

ONE, TWO = "1" * 64, "2" * 64


def test_pins_are_parsed_in_every_format():
    text = (
        "# made by a tool\n"
        "--index-url https://example.org\n"
        f"Some_Thing[extra]==1.0 ; python_version < '3.13' --hash=sha256:{ONE}  # via x\n"
        f"some-thing==2.0 \\\n  --hash=sha256:{ONE} \\\n  --hash=sha256:{TWO}\n"
        "plain>=1\n"
    )

    pins = read_pins(text)

    assert [str(pin.requirement.specifier) for pin in pins["some-thing"]] == ["==1.0", "==2.0"]
    assert pins["some-thing"][1].hashes == {ONE, TWO}
    assert pins["plain"][0].hashes == set()


def test_an_invalid_requirement_is_an_error_that_shows_the_line():
    with pytest.raises(LambdaBuildError, match="`what is this`"):
        read_pins("what is this\n")


def test_hashes_are_limited_to_those_of_the_constraints():
    pins = read_pins(f"thing==1.0 --hash=sha256:{TWO}")
    on_index = {ONE: "one.whl", TWO: "two.whl"}

    assert pinned_hashes("thing", "1.0", on_index, pins, "pins.txt") == {TWO: "two.whl"}
    assert pinned_hashes("thing", "1.0", {}, pins, "pins.txt") == {TWO: ""}


def test_a_range_with_a_hash_is_not_a_pin():
    pins = read_pins(f"thing>=1.0 --hash=sha256:{ONE}")

    with pytest.raises(LambdaBuildError, match=r"does not pin `thing==1\.0`"):
        pinned_hashes("thing", "1.0", {ONE: ""}, pins, "pins.txt")
