"""The hatchling build target `lambda`."""

from __future__ import annotations

import os
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatchling.builders.config import BuilderConfig
from hatchling.builders.plugin.interface import BuilderInterface
from hatchling.plugin.manager import PluginManager

from .errors import LambdaBuildError
from .options import Options, read_options
from .pack import pack
from .platforms import PLATFORMS, Platform

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable


class LambdaBuilderConfig(BuilderConfig):
    """Configuration of the target."""

    @cached_property
    def options(self) -> Options:
        """Options of this build."""
        return read_options(self.target_config, os.environ)

    @cached_property
    def configured_platform(self) -> Platform:
        """Platform configured in `pyproject.toml`, without overrides of this build."""
        return read_options(self.target_config, {}).platform


class LambdaBuilder(BuilderInterface[LambdaBuilderConfig, PluginManager]):
    """Builds an AWS Lambda zip, its SBOM and its size report."""

    PLUGIN_NAME = "lambda"

    @classmethod
    def get_config_class(cls) -> type[LambdaBuilderConfig]:
        """Return the configuration class of the target."""
        return LambdaBuilderConfig

    def get_version_api(self) -> dict[str, Callable[..., str]]:
        """Return one version of the target per platform, such as `python3.13-arm64`."""
        return {
            name: partial(self._build_archive, platform) for name, platform in PLATFORMS.items()
        }

    def get_default_versions(self) -> list[str]:
        """Return the configured platform."""
        return [str(self.config.options.platform)]

    def build(self, **arguments: Any) -> Generator[str, None, None]:
        """Build the target, and exit with a message instead of a traceback on a user error.

        Args:
            arguments: Arguments passed by hatchling.

        Yields:
            Path of each archive.
        """
        try:
            _check_versions(arguments.get("versions") or ())
            yield from super().build(**arguments)
        except LambdaBuildError as error:
            self.app.abort(f"Cannot build target `lambda` of {self.metadata.name}:\n{error}")

    def clean(self, directory: str, versions: list[str]) -> None:  # noqa: ARG002 - interface
        """Remove the files of earlier builds of the project, of any platform and version."""
        name = self.normalize_file_name_component(self.metadata.core.name)
        for suffix in ("zip", "cdx.json", "sizes.json"):
            for file in Path(directory).glob(f"{name}-*.{suffix}"):
                file.unlink()

    def _build_archive(self, platform: Platform, directory: str, **_: Any) -> str:
        is_default = platform == self.config.configured_platform
        name = self.project_id if is_default else f"{self.project_id}-{platform}"
        packed = pack(Path(self.root), platform, self.config.options, Path(directory, name))
        for warning in packed.warnings:
            self.app.display_warning(warning)
        self.app.display_info(packed.summary(Path(self.root)))
        return str(packed.archive)


def _check_versions(versions: Iterable[str]) -> None:
    if unknown := [version for version in versions if version not in PLATFORMS]:
        message = f"Unknown platform `{unknown[0]}`. Supported: {', '.join(PLATFORMS)}."
        raise LambdaBuildError(message)
