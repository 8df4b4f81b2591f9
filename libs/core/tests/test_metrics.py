from __future__ import annotations

import datetime as dt
import json

import pytest
from aibs_informatics_aws_lambda.common import metrics as metrics_module
from aibs_informatics_aws_lambda.common.metrics import (
    EnhancedMetrics,
    MetricsMixins,
    add_duration_metric,
    add_failure_metric,
    add_success_metric,
)
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

START = dt.datetime(2024, 1, 2, tzinfo=dt.UTC)
END = START + dt.timedelta(seconds=1.5)


@pytest.fixture
def metrics(monkeypatch):
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Tests")
    return EnhancedMetrics()


@pytest.fixture
def printed(metrics, capsys):
    def flush():
        metrics.flush_metrics()
        out = capsys.readouterr().out
        return json.loads(out) if out else None

    return flush


def units(blob):
    (directive,) = blob["_aws"]["CloudWatchMetrics"]
    return {metric["Name"]: metric["Unit"] for metric in directive["Metrics"]}


@pytest.mark.parametrize("name", ["", "Upload"])
@pytest.mark.parametrize(("success", "values"), [(True, (1, 0)), (False, (0, 1))])
@pytest.mark.parametrize("as_method", [True, False])
def test_outcomes_are_counted(metrics, printed, name, success, values, as_method):
    if as_method:
        (metrics.add_success_metric if success else metrics.add_failure_metric)(name)
    else:
        (add_success_metric if success else add_failure_metric)(name, metrics=metrics)

    blob = printed()
    assert (blob[f"{name}Success"], blob[f"{name}Failure"]) == ([values[0]], [values[1]])
    assert units(blob) == {f"{name}Success": "Count", f"{name}Failure": "Count"}


def test_durations_are_milliseconds(metrics, printed):
    metrics.add_duration_metric(START, END, "Upload")
    add_duration_metric(START, END, metrics=metrics)

    blob = printed()
    assert (blob["UploadDuration"], blob["Duration"]) == ([1500], [1500])
    assert units(blob) == {"UploadDuration": "Milliseconds", "Duration": "Milliseconds"}


@pytest.mark.parametrize("zone", [None, dt.UTC, dt.timezone(dt.timedelta(hours=9))])
def test_duration_ends_now_in_the_zone_of_its_start(metrics, printed, zone):
    metrics.add_duration_metric(dt.datetime.now(zone) - dt.timedelta(seconds=5))

    assert 5_000 <= printed()["Duration"][0] < 60_000


def test_duration_starts_when_the_module_was_loaded(metrics, printed):
    metrics.add_duration_metric(end=metrics_module.DEFAULT_TIME_START + dt.timedelta(seconds=2))

    assert printed()["Duration"] == [2000]


def test_counts_and_other_units(metrics, printed):
    metrics.add_count_metric("Items", 3)
    MetricsMixins.add_metric(metrics, "Files", 4)
    MetricsMixins.add_metric(metrics, "Size", 5, MetricUnit.Bytes)

    assert units(printed()) == {"Items": "Count", "Files": "Count", "Size": "Bytes"}


def test_functions_without_metrics_leave_no_trace(capsys):
    before = EphemeralMetrics().metric_set

    add_success_metric("a")
    add_failure_metric("a")
    add_duration_metric(name="a")

    assert EphemeralMetrics().metric_set == before == {}
    assert capsys.readouterr().out == ""


def test_nothing_is_printed_where_nothing_was_added(printed, recwarn):
    assert printed() is None
    assert len(recwarn) == 0


def test_flushed_metrics_are_not_printed_again(metrics, printed):
    metrics.add_count_metric("Items", 1)

    assert printed()["Items"] == [1]
    assert printed() is None


def test_instances_share_nothing(metrics, printed):
    EnhancedMetrics().add_count_metric("Others", 1)
    metrics.add_count_metric("Items", 1)

    assert list(units(printed())) == ["Items"]


def test_dimensions_stay_after_the_metrics_were_printed(monkeypatch, capsys):
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Tests")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "from-environment")
    metrics = MetricsMixins.get_metrics(handler_name="h", route="r")

    for _ in range(2):
        metrics.add_count_metric("Items", 1)
        metrics.flush_metrics()
        blob = json.loads(capsys.readouterr().out)
        assert (blob["handler_name"], blob["route"]) == ("h", "r")
        assert blob["service"] == "from-environment"
        (dimensions,) = blob["_aws"]["CloudWatchMetrics"][0]["Dimensions"]
        assert set(dimensions) == {"handler_name", "route", "service"}


def test_arguments_win_over_the_environment(monkeypatch, capsys):
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Tests")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "from-environment")
    metrics = MetricsMixins.get_metrics(service="own", namespace="Own")
    metrics.add_count_metric("Items", 1)
    metrics.flush_metrics()

    blob = json.loads(capsys.readouterr().out)
    assert blob["service"] == "own"
    assert blob["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Own"


def test_full_collection_is_printed_at_once(metrics, capsys):
    for number in range(101):
        metrics.add_count_metric("Items", number)
    metrics.flush_metrics()

    blobs = list(map(json.loads, capsys.readouterr().out.splitlines()))
    assert [value for blob in blobs for value in blob["Items"]] == list(range(101))


def test_without_a_namespace_metrics_are_dropped_with_one_warning(capsys):
    metrics_module._warn_of_missing_namespace.cache_clear()
    for _ in range(2):
        metrics = EnhancedMetrics()
        for number in range(150):
            metrics.add_count_metric("Items", number)
        metrics.flush_metrics()

    (line,) = capsys.readouterr().out.splitlines()
    assert "Set POWERTOOLS_METRICS_NAMESPACE" in json.loads(line)["message"]


class Measured(MetricsMixins):
    pass


def test_metrics_of_an_object_are_made_once_and_can_be_set(metrics):
    measured = Measured()

    assert measured.metrics is measured.metrics
    measured.metrics = metrics
    assert measured.metrics is metrics


def test_object_without_metrics_has_nothing_to_flush(capsys):
    Measured().flush_metrics()

    assert capsys.readouterr().out == ""


class TestInvalidMetrics:
    @pytest.fixture
    def metrics(self):
        return EnhancedMetrics(namespace="Tests", service="tests")

    @pytest.fixture
    def printed(self, metrics, capsys):
        """Print the metrics; return the blob and the messages of warnings."""
        metrics_module._warn_once.cache_clear()

        def flush():
            metrics.flush_metrics()
            lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
            (blob,) = [line for line in lines if "_aws" in line]
            return blob, [line["message"] for line in lines if "_aws" not in line]

        return flush

    @pytest.mark.parametrize(
        ("name", "unit", "value", "problem"),
        [
            ("_aws", "Count", 1, "its name is reserved"),
            ("", "Count", 1, "its name is empty"),
            ("x" * 256, "Count", 1, "its name is longer than 255 characters"),
            ("é", "Count", 1, "its name is not ASCII"),
            ("Bad", "Count", float("nan"), "its value is not a finite number"),
            ("Bad", "Count", float("inf"), "its value is not a finite number"),
            ("Bad", "Count", 1e200, "its value is not a finite number"),
            ("Bad", "Count", "1", "str is not a number"),
            ("Bad", "Pieces", 1, "'Pieces' is not a unit of CloudWatch"),
            ("Good", "Seconds", 1, "it has the unit Count already, not Seconds"),
            ("color", "Count", 1, "its name is that of a metric, dimension or metadata key"),
        ],
    )
    def test_invalid_metric_is_dropped_with_one_warning(
        self, metrics, printed, name, unit, value, problem
    ):
        metrics.add_dimension("color", "red")
        metrics.add_count_metric("Good", 1)
        metrics.add_metric(name, unit, value)
        metrics.add_metric(name, unit, value)

        blob, (warning,) = printed()

        assert blob["Good"] == [1.0]
        (described,) = blob["_aws"]["CloudWatchMetrics"]
        assert described["Metrics"] == [{"Name": "Good", "Unit": "Count"}]
        assert blob["color"] == "red"
        assert problem in warning

    def test_thirtieth_dimension_is_dropped(self, metrics, printed):
        metrics.add_count_metric("Good", 1)
        for number in range(40):
            metrics.add_dimension(f"d{number}", "1")

        blob, warnings = printed()

        (dimensions,) = blob["_aws"]["CloudWatchMetrics"][0]["Dimensions"]
        assert len(dimensions) == 29
        assert len(warnings) == 12
        assert "there are 28 dimensions, and service, already" in warnings[0]

    @pytest.mark.parametrize(
        ("name", "value"),
        [("_aws", "1"), ("", "1"), ("d", " "), (":d", "1"), ("d", "x" * 1025), ("Good", "1")],
    )
    def test_invalid_dimension_is_dropped(self, metrics, printed, name, value):
        metrics.add_count_metric("Good", 1)
        metrics.add_dimension(name, value)
        metrics.add_dimensions(**{name: value})
        metrics.set_default_dimensions(**{name: value})

        blob, (warning,) = printed()

        assert blob["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["service"]]
        assert blob["Good"] == [1.0]
        assert warning.startswith("The dimension ")

    @pytest.mark.parametrize("key", ["_aws", "Good", "color"])
    def test_metadata_does_not_replace_metrics_and_dimensions(self, metrics, printed, key):
        metrics.add_count_metric("Good", 1)
        metrics.add_dimension("color", "red")
        metrics.add_metadata(key, "x")

        blob, (warning,) = printed()

        assert (blob["Good"], blob["color"]) == ([1.0], "red")
        assert isinstance(blob["_aws"], dict)
        assert warning.startswith("The metadata key ")

    def test_dimension_can_be_replaced(self, metrics, printed):
        metrics.add_count_metric("Good", 1)
        metrics.add_dimension("color", "red")
        metrics.add_dimension("color", "blue")

        assert printed()[0]["color"] == "blue"
