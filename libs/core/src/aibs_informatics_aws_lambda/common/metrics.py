"""Metrics in CloudWatch's embedded format, printed on stdout at the end of an invocation."""

from __future__ import annotations

import datetime as dt
from functools import cache
from typing import Any, Final, TypeAlias

from aws_lambda_powertools.metrics import (
    EphemeralMetrics,
    MetricResolution,
    Metrics,
    MetricUnit,
    SchemaValidationError,
)
from aws_lambda_powertools.metrics.functions import is_metrics_disabled
from aws_lambda_powertools.metrics.provider import cold_start
from aws_lambda_powertools.utilities.typing import LambdaContext

from .base import HandlerMixins
from .logging import logger

AnyMetrics: TypeAlias = Metrics | EphemeralMetrics

DEFAULT_TIME_START: Final = dt.datetime.now(dt.UTC)


def add_success_metric(name: str = "", metrics: AnyMetrics | None = None) -> None:
    """Count one success (and no failure) of what ``name`` says."""
    _add_outcome(name, metrics, success=True)


def add_failure_metric(name: str = "", metrics: AnyMetrics | None = None) -> None:
    """Count one failure (and no success) of what ``name`` says."""
    _add_outcome(name, metrics, success=False)


def add_duration_metric(
    start: dt.datetime | None = None,
    end: dt.datetime | None = None,
    name: str = "",
    metrics: AnyMetrics | None = None,
) -> None:
    """Add the time between two moments, in milliseconds.

    Args:
        start: by default the moment at which this module was loaded.
        end: by default now, in the zone of ``start``.
        name: what took the time.
        metrics: where to add it.
    """
    start = start or DEFAULT_TIME_START
    end = end or dt.datetime.now(start.tzinfo)
    milliseconds = (end - start) / dt.timedelta(milliseconds=1)
    _of(metrics).add_metric(f"{name}Duration", MetricUnit.Milliseconds, milliseconds)


class EnhancedMetrics(Metrics):
    """Powertools' `Metrics` with a collection of its own, and with short forms of common metrics.

    Unlike those of `Metrics`, instances share nothing: what one invocation collects cannot come
    out with another's. Work is never failed over its metrics: where no namespace is set, they are
    dropped with one warning per process.
    """

    def __init__(self, **kwargs: Any) -> None:
        self._metrics: dict[str, Any] = {}
        self._dimensions: dict[str, str] = {}
        self._metadata: dict[str, Any] = {}
        self._default_dimensions: dict[str, Any] = {}
        super().__init__(**kwargs)

    def add_metric(
        self,
        name: str,
        unit: MetricUnit | str,
        value: float,
        resolution: MetricResolution | int = 60,
    ) -> None:
        """Add a metric; a collection that is full (100 values) is printed first."""
        try:
            super().add_metric(name, unit, value, resolution)
        except SchemaValidationError:
            self._drop()

    def flush_metrics(self, raise_on_empty_metrics: bool = False) -> None:
        """Print what was collected, and start anew; print nothing where nothing was."""
        if self.metric_set and not self.namespace:
            self._drop()
        elif self.metric_set or raise_on_empty_metrics:
            super().flush_metrics(raise_on_empty_metrics)
            # Where metrics are disabled, powertools keeps them for ever.
            if self.metric_set:
                self.clear_metrics()

    def print_cold_start(self, context: LambdaContext) -> None:
        """Count the first invocation of a process, in a blob of its own; print nothing later."""
        if cold_start.is_cold_start and self.namespace and not is_metrics_disabled():
            self.provider.add_cold_start_metric(context)
            cold_start.is_cold_start = False

    def take_over(self, other: EnhancedMetrics) -> None:
        """Add the values of ``other``, which is empty afterwards.

        Where they have dimensions, metadata or a time of their own, they are printed at once, by
        themselves.
        """
        described_alike = other.dimension_set == self.dimension_set and not (
            other.metadata_set or other.provider.dimension_sets or other.provider.timestamp
        )
        if not described_alike:
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
        """Add a count."""
        self.add_metric(name, MetricUnit.Count, value)

    def add_success_metric(self, name: str = "") -> None:
        """Count one success (and no failure) of what ``name`` says."""
        add_success_metric(name, self)

    def add_failure_metric(self, name: str = "") -> None:
        """Count one failure (and no success) of what ``name`` says."""
        add_failure_metric(name, self)

    def add_duration_metric(
        self, start: dt.datetime | None = None, end: dt.datetime | None = None, name: str = ""
    ) -> None:
        """Add the time between two moments, as the function of this name does."""
        add_duration_metric(start, end, name, self)


class MetricsMixins(HandlerMixins):
    """Gives a handler metrics of its own, made when they are first used."""

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
        """Add a metric of any unit."""
        metrics.add_metric(name, unit, value)

    def flush_metrics(self) -> None:
        """Print the metrics of the invocation, if any were added."""
        if self._enhanced_metrics is not None:
            self._enhanced_metrics.flush_metrics()


def _add_outcome(name: str, metrics: AnyMetrics | None, *, success: bool) -> None:
    collected = _of(metrics)
    collected.add_metric(f"{name}Success", MetricUnit.Count, int(success))
    collected.add_metric(f"{name}Failure", MetricUnit.Count, int(not success))


def _of(metrics: AnyMetrics | None) -> AnyMetrics:
    return EphemeralMetrics() if metrics is None else metrics


@cache
def _warn_of_missing_namespace() -> None:
    logger.warning("Metrics are dropped: set POWERTOOLS_METRICS_NAMESPACE to keep them")
