"""Python's cyclic garbage collector, kept away from what modules make as they are imported."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from .constants import AWS_LAMBDA_FUNCTION_NAME_KEY


@contextmanager
def paused_collector() -> Iterator[None]:
    """Let modules be imported inside the block without a look for garbage in what they make.

    All that there is at the end of the block counts as staying as long as the process; looking
    through it again and again takes a tenth of the start.
    https://docs.python.org/3/library/gc.html#gc.freeze

    Where the collector is off already, whoever has turned it off decides.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def paused_collector_in_lambda() -> AbstractContextManager[None]:
    """Return `paused_collector` in a Lambda function; elsewhere what does nothing.

    For modules that a function starts with: in another program, its objects are not theirs.
    """
    in_lambda = AWS_LAMBDA_FUNCTION_NAME_KEY in os.environ
    return paused_collector() if in_lambda else nullcontext()
