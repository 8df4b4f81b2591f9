"""Metrics in CloudWatch embedded metric format (EMF), printed to stdout after an invocation."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Any, TypeAlias

from aws_lambda_powertools.metrics import (
    EphemeralMetrics,
    MetricResolution,
    Metrics,
    MetricUnit,
    SchemaValidationError,
)
from aws_lambda_powertools.utilities.typing import LambdaContext

from . import _powertools
from .base import HandlerMixins
from .logging import logger
from .metric_rules import dimension_problem, metric_problem

AnyMetrics: TypeAlias = Metrics | EphemeralMetrics

_UNITS = frozenset(unit.value for unit in MetricUnit)

DEFAULT_TIME_START = dt.datetime.now(dt.UTC)


def add_success_metric(name: str = "", metrics: AnyMetrics | None = None) -> None:
    """Add ``{name}Success`` = 1 and ``{name}Failure`` = 0."""
    _add_outcome(name, metrics, success=True)


def add_failure_metric(name: str = "", metrics: AnyMetrics | None = None) -> None:
    """Add ``{name}Success`` = 0 and ``{name}Failure`` = 1."""
    _add_outcome(name, metrics, success=False)


def add_duration_metric(
    start: dt.datetime | None = None,
    end: dt.datetime | None = None,
    name: str = "",
    metrics: AnyMetrics | None = None,
) -> None:
    """Add ``{name}Duration``, the time between ``start`` and ``end``, in milliseconds.

    Args:
        start: by default the time at which this module was imported.
        end: by default now, in the time zone of ``start``.
        name: the prefix of the metric's name.
        metrics: the metrics to add it to.
    """
    start = start or DEFAULT_TIME_START
    end = end or dt.datetime.now(start.tzinfo)
    milliseconds = (end - start) / dt.timedelta(milliseconds=1)
    _or_ephemeral(metrics).add_metric(f"{name}Duration", MetricUnit.Milliseconds, milliseconds)


class EnhancedMetrics(Metrics):
    """Powertools' `Metrics` with separate collections, and with shortcuts for common metrics.

    Unlike those of `Metrics`, instances share nothing: the metrics of one invocation are never
    printed with those of another. A handler never fails because of its metrics: an invalid metric
    or dimension, and all metrics without a namespace, are dropped with one warning per process.
    """

    def __init__(self, **kwargs: Any) -> None:
        _powertools.separate_collections(self)
        super().__init__(**kwargs)

    def add_metric(
        self,
        name: str,
        unit: MetricUnit | str,
        value: float,
        resolution: MetricResolution | int = 60,
    ) -> None:
        """Add a metric, unless it is invalid; a full collection (100 values) is printed first."""
        unit = unit.value if isinstance(unit, MetricUnit) else unit
        problem = metric_problem(
            name,
            unit,
            value,
            resolution.value if isinstance(resolution, MetricResolution) else resolution,
            units=_UNITS,
            metrics=self.metric_set,
            other_keys={*self._dimension_names(), *self.metadata_set},
        )
        if problem:
            _warn_once("metric", str(name), problem)
            return
        try:
            super().add_metric(name, unit, value, resolution)
        except SchemaValidationError:
            self._drop()

    def add_dimension(self, name: str, value: str) -> None:
        """Add a dimension, unless it is invalid; replace one of the same name."""
        for valid_name, valid_value in self._valid_dimensions({name: value}).items():
            # Powertools warns about a dimension that is replaced.
            self.dimension_set.pop(valid_name, None)
            super().add_dimension(valid_name, valid_value)

    def add_dimensions(self, **dimensions: str) -> None:
        """Add a set of dimensions, without the invalid ones."""
        valid = self._valid_dimensions(dimensions)
        if valid:
            super().add_dimensions(**valid)

    def set_default_dimensions(self, **dimensions: Any) -> None:
        """Add dimensions, without the invalid ones, that are kept when metrics are printed."""
        super().set_default_dimensions(**self._valid_dimensions(dimensions))

    def add_metadata(self, key: str, value: Any) -> None:
        """Add metadata, unless its key is that of a metric or dimension."""
        problem = dimension_problem(
            key, "any", dimensions={}, other_keys={*self._dimension_names(), *self.metric_set}
        )
        if problem:
            _warn_once("metadata key", str(key), problem)
        else:
            super().add_metadata(key, value)

    def _valid_dimensions(self, dimensions: Mapping[str, Any]) -> dict[str, str]:
        valid: dict[str, str] = {}
        for name, value in dimensions.items():
            problem = dimension_problem(
                name,
                value,
                dimensions={**dict.fromkeys(self._dimension_names(), ""), **valid},
                other_keys={*self.metric_set, *self.metadata_set},
            )
            if problem:
                _warn_once("dimension", str(name), problem)
            else:
                valid[name] = str(value)
        return valid

    def _dimension_names(self) -> set[str]:
        names = {*self.dimension_set, *self.default_dimensions}
        return names.union(*self.provider.dimension_sets)

    def flush_metrics(self, raise_on_empty_metrics: bool = False) -> None:
        """Print the collected metrics and clear them; print nothing if there are none."""
        if self.metric_set and not self.namespace:
            self._drop()
        elif self.metric_set or raise_on_empty_metrics:
            super().flush_metrics(raise_on_empty_metrics)
            # If metrics are disabled, Powertools never clears them.
            if self.metric_set:
                self.clear_metrics()

    def print_cold_start(self, context: LambdaContext) -> None:
        """Print ``ColdStart`` at the first invocation of a process, in a separate blob."""
        if self.namespace and not _powertools.metrics_are_disabled():
            _powertools.add_cold_start_metric(self, context)

    def take_over(self, other: EnhancedMetrics) -> None:
        """Move the values of ``other`` here.

        If ``other`` has different dimensions, metadata or a timestamp, it is printed separately,
        at once.
        """
        if not _powertools.described_alike(self, other):
            other.flush_metrics()
            return
        for name, metric in other.metric_set.items():
            for value in metric["Value"]:
                self.add_metric(name, metric["Unit"], value, metric["StorageResolution"])
        other.clear_metrics()

    def _drop(self) -> None:
        _warn_of_missing_namespace()
        self.clear_metrics()

    def add_count_metric(self, name: str, value: float) -> None:
        """Add a metric of the unit Count."""
        self.add_metric(name, MetricUnit.Count, value)

    def add_success_metric(self, name: str = "") -> None:
        """Add ``{name}Success`` = 1 and ``{name}Failure`` = 0."""
        add_success_metric(name, self)

    def add_failure_metric(self, name: str = "") -> None:
        """Add ``{name}Success`` = 0 and ``{name}Failure`` = 1."""
        add_failure_metric(name, self)

    def add_duration_metric(
        self, start: dt.datetime | None = None, end: dt.datetime | None = None, name: str = ""
    ) -> None:
        """Add ``{name}Duration``, as the function `add_duration_metric` does."""
        add_duration_metric(start, end, name, self)


METRICS_ATTR = "_enhanced_metrics"
"""The attribute in which a handler keeps its metrics."""


class MetricsMixins(HandlerMixins):
    """Gives a handler its own metrics, created on first use."""

    _enhanced_metrics: EnhancedMetrics | None = None

    @property
    def metrics(self) -> EnhancedMetrics:
        """The metrics of the current invocation, with the dimension ``handler_name``."""
        if self._enhanced_metrics is None:
            self._enhanced_metrics = self.get_metrics(handler_name=self.handler_name())
        return self._enhanced_metrics

    @metrics.setter
    def metrics(self, value: EnhancedMetrics) -> None:
        self._enhanced_metrics = value

    @classmethod
    def get_metrics(
        cls,
        service: str | None = None,
        namespace: str | None = None,
        **additional_dimensions: str,
    ) -> EnhancedMetrics:
        """Return new metrics.

        Args:
            service: the dimension ``service``, by default ``POWERTOOLS_SERVICE_NAME``.
            namespace: by default ``POWERTOOLS_METRICS_NAMESPACE``.
            additional_dimensions: further dimensions.
        """
        metrics = EnhancedMetrics(service=service, namespace=namespace)
        metrics.set_default_dimensions(**additional_dimensions)
        return metrics

    @classmethod
    def add_metric(
        cls, metrics: AnyMetrics, name: str, value: float, unit: MetricUnit = MetricUnit.Count
    ) -> None:
        """Add a metric to ``metrics``."""
        metrics.add_metric(name, unit, value)

    def flush_metrics(self) -> None:
        """Print the metrics of the invocation, if there are any."""
        if self._enhanced_metrics is not None:
            self._enhanced_metrics.flush_metrics()


def _add_outcome(name: str, metrics: AnyMetrics | None, *, success: bool) -> None:
    collected = _or_ephemeral(metrics)
    collected.add_metric(f"{name}Success", MetricUnit.Count, int(success))
    collected.add_metric(f"{name}Failure", MetricUnit.Count, int(not success))


def _or_ephemeral(metrics: AnyMetrics | None) -> AnyMetrics:
    return EphemeralMetrics() if metrics is None else metrics


@lru_cache(maxsize=1000)
def _warn_once(kind: str, name: str, problem: str) -> None:
    logger.warning("The %s %s is dropped: %s", kind, name[:100], problem)


@cache
def _warn_of_missing_namespace() -> None:
    logger.warning("Metrics are dropped: no namespace is set. Set POWERTOOLS_METRICS_NAMESPACE.")
