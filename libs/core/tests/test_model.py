from __future__ import annotations

import datetime as dt
import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pydantic
import pytest
from aibs_informatics_aws_lambda.common.exceptions import ValidationError
from aibs_informatics_aws_lambda.common.model import (
    AwareIsoDateTime,
    IsoDate,
    IsoDateTime,
    ModelBase,
    ModelProtocol,
    PydanticBaseModel,
)
from hypothesis import given, strategies as st


class Inner(PydanticBaseModel):
    some_value: int | None = None


class Thing(PydanticBaseModel):
    first_name: str
    how_many: int = 1
    inner: Inner | None = None
    free: Any = None
    path: Path | None = None


class Times(PydanticBaseModel):
    at: IsoDateTime | None = None
    sure_at: AwareIsoDateTime | None = None
    day: IsoDate | None = None


class Answer(PydanticBaseModel):
    content: Any
    note: str | None = None
    left: Answer | None = None


def test_fields_are_read_by_name_and_by_camel_case_alias():
    assert Thing.from_dict({"first_name": "a"}).first_name == "a"
    assert Thing.from_dict({"firstName": "a"}).first_name == "a"


def test_alias_wins_over_name():
    assert Thing.from_dict({"firstName": "alias", "first_name": "name"}).first_name == "alias"


def test_fields_are_written_by_name_and_by_alias_on_request():
    thing = Thing(first_name="a")

    assert thing.to_dict() == {"first_name": "a", "how_many": 1}
    assert thing.to_dict(by_alias=True) == {"firstName": "a", "howMany": 1}


def test_unknown_fields_are_ignored_and_the_data_is_left_as_it_is():
    data = {"first_name": "a", "unknown": [1], "inner": {"some_value": 2, "x": 3}}
    before = json.dumps(data)

    assert Thing.from_dict(data).to_dict()["inner"] == {"some_value": 2}
    assert json.dumps(data) == before


def test_text_becomes_a_number_but_a_number_no_text():
    assert Thing.from_dict({"first_name": "a", "how_many": "12"}).how_many == 12
    with pytest.raises(ValidationError, match="first_name"):
        Thing.from_dict({"first_name": 1})


@pytest.mark.parametrize("data", [{}, {"first_name": 1}, [], None, "text", 5])
def test_what_does_not_fit_is_a_validation_error(data):
    with pytest.raises(ValidationError) as caught:
        Thing.from_dict(data)

    assert isinstance(caught.value, ValueError)
    assert "Thing" in str(caught.value)
    assert not Thing.is_valid(data)


def test_a_model_of_another_library_is_read_by_its_fields():
    class Other(pydantic.BaseModel):
        some_value: int
        more: str = "x"

    thing = Thing(first_name="Ada", inner=Other(some_value=3))

    assert thing.inner == Inner(some_value=3)


def test_constructor_raises_the_error_of_pydantic_itself():
    with pytest.raises(pydantic.ValidationError):
        Thing(first_name=1)


@pytest.mark.parametrize("field", ["first_name", "how_many"])
def test_rejected_values_are_never_shown(field):
    with pytest.raises(ValidationError) as caught:
        Thing.from_dict({"first_name": "a", field: ["s3cret"]})

    assert field in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_unknown_keyword_arguments_are_ignored():
    thing = Thing.from_dict({"first_name": "a"}, partial=True, validate=False)

    assert thing.to_dict(partial=True, validate=False) == {"first_name": "a", "how_many": 1}


def test_validity_is_answered_whatever_a_validator_raises():
    class Odd(PydanticBaseModel):
        value: int

        @pydantic.field_validator("value")
        @classmethod
        def fail(cls, value):
            raise KeyError(value)

    assert Odd.is_valid({"value": 1}) is False
    assert Thing.is_valid({"first_name": "a"}) is True


def test_null_fields_are_left_out_at_every_level_of_models_only():
    thing = Thing(first_name="a", inner=Inner(), free={"kept": None, "list": [None, {"b": None}]})

    assert thing.to_dict() == {
        "first_name": "a",
        "how_many": 1,
        "inner": {},
        "free": {"kept": None, "list": [None, {"b": None}]},
    }


def test_nulls_are_kept_on_request():
    assert Thing(first_name="a", inner=Inner()).to_dict(exclude_none=False) == {
        "first_name": "a",
        "how_many": 1,
        "inner": {"some_value": None},
        "free": None,
        "path": None,
    }


def test_null_of_a_required_field_stays_in_its_place():
    response = Answer(content=None, left=Answer(content=None, note="n"))

    assert response.to_dict() == {"content": None, "left": {"content": None, "note": "n"}}
    assert list(response.to_dict()) == ["content", "left"]
    assert Answer.from_dict(response.to_dict()) == response


def test_null_of_a_required_field_is_written_by_alias():
    class Aliased(PydanticBaseModel):
        some_content: Any
        other: int = 1

    assert Aliased(some_content=None).to_dict(by_alias=True) == {"someContent": None, "other": 1}


def test_excluded_field_stays_out_though_it_is_required_and_null():
    class Secretive(PydanticBaseModel):
        token: str | None = pydantic.Field(exclude=True)
        name: str = "n"

    assert Secretive(token=None).to_dict() == {"name": "n"}
    assert Answer(content=None).to_dict(exclude={"content"}) == {}
    assert Answer(content=None, note="n").to_dict(include={"note"}) == {"note": "n"}


def test_instance_made_without_its_fields_can_be_written():
    assert Answer.model_construct(note="n").to_dict() == {"note": "n"}


def test_computed_fields_are_written_beside_required_nulls():
    class Computed(PydanticBaseModel):
        content: Any

        @pydantic.computed_field
        @property
        def size(self) -> int:
            return 0

    assert Computed(content=None).to_dict() == {"content": None, "size": 0}


def test_paths_are_text_in_json_mode_and_paths_in_python_mode():
    thing = Thing(first_name="a", path=Path("/x/y"))

    assert thing.to_dict()["path"] == "/x/y"
    assert thing.to_dict(mode="python")["path"] == Path("/x/y")


def test_json_is_indented_ascii_in_order_of_declaration():
    thing = Thing(how_many=2, first_name="é")

    assert thing.to_json() == '{\n    "first_name": "\\u00e9",\n    "how_many": 2\n}'
    assert Thing.from_json(thing.to_json()) == thing


def test_text_that_is_not_json_is_a_decode_error_and_other_types_do_not_fit():
    with pytest.raises(json.JSONDecodeError):
        Thing.from_json("nope")
    with pytest.raises(ValidationError):
        Thing.from_json("[]")


def test_json_that_is_nested_too_deeply_is_a_value_error():
    with pytest.raises(ValueError, match="nested too deeply"):
        Thing.from_json("[" * 200_000)


@pytest.mark.parametrize("name", ["thing.json", "thing.yml", "thing.yaml", "thing", "thing.YML"])
def test_files_are_written_as_json_whatever_the_suffix(tmp_path, name):
    path = tmp_path / name
    thing = Thing(first_name="é", free={"a": [1, None]})

    thing.to_path(path)

    assert json.loads(path.read_text()) == thing.to_dict()
    assert Thing.from_path(path) == thing


def test_yaml_is_read_by_its_lower_case_suffix_only(tmp_path):
    for name in ("thing.yml", "thing.yaml", "thing.YML", "thing.json"):
        (tmp_path / name).write_text("first_name: a\nhow_many: 3\n")

    assert Thing.from_path(tmp_path / "thing.yml").how_many == 3
    assert Thing.from_path(tmp_path / "thing.yaml").how_many == 3
    for name in ("thing.YML", "thing.json"):
        with pytest.raises(json.JSONDecodeError):
            Thing.from_path(tmp_path / name)


def test_yaml_without_the_library_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "yaml", None)
    (tmp_path / "thing.yaml").write_text("howMany: 3")

    with pytest.raises(ModuleNotFoundError, match=r"thing\.yaml: .* install PyYAML"):
        Thing.from_path(tmp_path / "thing.yaml")


def test_file_in_a_missing_directory_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        Thing(first_name="a").to_path(tmp_path / "missing" / "thing.json")


def test_models_satisfy_the_protocol_of_executors():
    assert isinstance(Thing(first_name="a"), ModelProtocol)


def test_model_base_says_what_a_subclass_has_to_define():
    class Bare(ModelBase):
        pass

    with pytest.raises(NotImplementedError, match="Bare"):
        Bare.from_dict({})
    with pytest.raises(NotImplementedError, match="Bare"):
        Bare().to_dict()


@pytest.mark.parametrize(
    ("given", "plain", "aware"),
    [
        ("2024-01-02T03:04:05Z", "2024-01-02T03:04:05Z", "2024-01-02T03:04:05Z"),
        ("2024-01-02t03:04:05Z", "2024-01-02T03:04:05Z", "2024-01-02T03:04:05Z"),
        ("2024-01-02T03:04:05", "2024-01-02T03:04:05", "2024-01-02T03:04:05Z"),
        ("2024-01-02T03:04:05.123Z", "2024-01-02T03:04:05.123000Z", "2024-01-02T03:04:05.123000Z"),
        ("2024-01-02T03:04:05+02:00", "2024-01-02T03:04:05+02:00", "2024-01-02T03:04:05+02:00"),
        (
            "2024-01-02T03:04:05.5+00:00",
            "2024-01-02T03:04:05.500000Z",
            "2024-01-02T03:04:05.500000Z",
        ),
        (1704164645000, "2024-01-02T03:04:05Z", "2024-01-02T03:04:05Z"),
        (1704164645123.5, "2024-01-02T03:04:05.123500Z", "2024-01-02T03:04:05.123500Z"),
        (0, "1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"),
        (-1, "1969-12-31T23:59:59.999000Z", "1969-12-31T23:59:59.999000Z"),
    ],
)
def test_times_are_written_as_iso_8601(given, plain, aware):
    assert Times.from_dict({"at": given, "sure_at": given}).to_dict() == {
        "at": plain,
        "sure_at": aware,
    }


@pytest.mark.parametrize("field", ["at", "sure_at"])
@pytest.mark.parametrize(
    "value",
    [
        "2024-01-02T03:04Z",
        "2024-01-02 03:04:05",
        "2024-01-02T03:04:05+0200",
        "2024-01-02T03:04:05.1234567Z",
        "1704164645000",
        "2024-01-02",
        "2024-13-02T03:04:05Z",
        "2024-01-02T03:04:05+99:00",
        "٢٠٢٤-01-02T03:04:05Z",
        "",
        True,
        False,
        1e300,
        float("nan"),
        float("inf"),
        [],
    ],
)
def test_times_of_other_forms_are_rejected(field, value):
    with pytest.raises(ValidationError, match=field):
        Times.from_dict({field: value})


def test_times_and_dates_stay_python_values_in_python_mode():
    times = Times(at=dt.datetime(2024, 1, 2), day=dt.date(2024, 1, 2))

    assert times.to_dict(mode="python") == {
        "at": dt.datetime(2024, 1, 2),
        "day": dt.date(2024, 1, 2),
    }


def test_aware_time_without_a_zone_is_utc():
    assert Times(sure_at=dt.datetime(2024, 1, 2)).sure_at == dt.datetime(2024, 1, 2, tzinfo=dt.UTC)


@pytest.mark.parametrize("text", ["2024-01-02", "20240102"])
def test_dates_are_written_with_hyphens(text):
    assert Times.from_dict({"day": text}).to_dict() == {"day": "2024-01-02"}


@pytest.mark.parametrize(
    "value", ["2024-01-02T03:04:05", "2024-13-01", "s3cret", "", 5, True, dt.datetime(2024, 1, 2)]
)
def test_invalid_date_is_rejected_without_showing_it(value):
    with pytest.raises(ValidationError, match="ISO 8601 date") as caught:
        Times.from_dict({"day": value})

    assert "s3cret" not in str(caught.value)


@given(st.datetimes(timezones=st.none() | st.just(dt.UTC)))
def test_every_time_survives_a_round_trip(time):
    times = Times(at=time)

    assert Times.from_json(times.to_json()).at == time


@given(st.integers(-62135596800000, 253402300799999))
def test_milliseconds_are_exact(milliseconds):
    time = Times.from_dict({"at": milliseconds}).at

    assert (time - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(
        milliseconds=1
    ) == milliseconds


@given(st.text() | st.floats() | st.integers())
def test_times_are_parsed_or_rejected_but_never_fail_otherwise(value):
    with suppress(ValidationError):
        Times.from_dict({"at": value, "day": value})


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(json_values)
def test_free_form_values_survive_a_round_trip(value):
    assert Answer.from_json(Answer(content=value).to_json()).content == value


@pytest.mark.parametrize("number", [float("inf"), float("nan")])
def test_numbers_that_json_lacks_are_kept_in_files(number, tmp_path):
    path = tmp_path / "response.json"

    Answer(content=[number]).to_path(path)

    assert str(Answer.from_path(path).content[0]) == str(number)
