"""Copy the files that the packages have in common with version 1.1.0 into the distribution."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCES = "src"


class SharedFiles(BuildHookInterface[Any]):
    """Add files of the sibling packages, listed in ``pyproject.toml``, at the same paths."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the files to a wheel, or to the folder of sources in a source distribution.

        An editable installation contains none: the packages beside it are editable, too.

        Args:
            version: the kind of the build, ``standard`` or ``editable``.
            build_data: what hatchling builds; the files are added to it.

        Raises:
            FileNotFoundError: a file does not exist.
        """
        if version == "editable":
            return
        folder = f"{SOURCES}/" if self.target_name == "sdist" else ""
        for name in self.config["paths"]:
            path = f"{self.config['namespace']}/{name}"
            build_data["force_include"][str(find(path, Path(self.root)))] = folder + path


def find(path: str, root: Path) -> Path:
    """Return the file of a path below the namespace.

    Args:
        path: path below the folder of sources.
        root: the folder of this distribution, in the workspace or in a source distribution.

    Raises:
        FileNotFoundError: no package has the file.
    """
    folders = [root, *root.glob("../../libs/*"), *root.glob("../*")]
    for folder in folders:
        if (folder / SOURCES / path).is_file():
            return folder / SOURCES / path
    raise FileNotFoundError(f"no package has the file {path}. Update the list in pyproject.toml.")
