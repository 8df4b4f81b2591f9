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
