"""Python's cyclic garbage collector: paused while modules are imported, and run rarely."""

import gc
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from .constants import AWS_LAMBDA_FUNCTION_NAME_KEY

_OBJECTS = 10_000


@contextmanager
def paused_collector() -> Iterator[None]:
    """Pause the collector in the block, and exclude all objects at its end from collection.

    Collecting garbage among the objects of modules takes a tenth of the start-up time.
    https://docs.python.org/3/library/gc.html#gc.freeze

    If the collector is disabled already, nothing is changed.
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


def collect_rarely() -> None:
    """Let the collector run after some 10,000 more objects, instead of 700.

    Objects that wait for responses are not garbage, and looking at them takes time.
    """
    gc.set_threshold(_OBJECTS)


def paused_collector_in_lambda() -> AbstractContextManager[None]:
    """Return `paused_collector` in a Lambda function; a null context elsewhere.

    It is for the modules that a function imports first: they must not change the collector of
    another program.
    """
    in_lambda = AWS_LAMBDA_FUNCTION_NAME_KEY in os.environ
    return paused_collector() if in_lambda else nullcontext()
