"""Plugin hooks of hatchling."""

from hatchling.plugin import hookimpl

from .builder import LambdaBuilder


@hookimpl
def hatch_register_builder() -> type[LambdaBuilder]:
    """Register the build target `lambda`."""
    return LambdaBuilder
