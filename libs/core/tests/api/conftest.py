from __future__ import annotations

import logging
import sys
from pathlib import Path

import pytest
from aws_lambda_powertools.metrics.provider import cold_start

# Modules beside the tests, and the example, are imported by name.
for folder in (Path(__file__).parent, Path(__file__).parent.parent / "example_api"):
    sys.path.insert(0, str(folder))


@pytest.fixture(autouse=True)
def _warm_process(monkeypatch):
    monkeypatch.setattr(cold_start, "is_cold_start", False)


@pytest.fixture(autouse=True)
def _new_loggers():
    """Let each test have loggers of its own, which write where the test looks."""
    for name in ("Answer", "ApiResolverBuilder", "Guarded"):
        logging.Logger.manager.loggerDict.pop(name, None)
