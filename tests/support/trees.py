"""Trees of small text files."""

import os
import time
from collections.abc import Mapping
from pathlib import Path


def write_tree(folder: Path, content: Mapping[str, str], age: float = 0) -> None:
    """Write files by their relative paths, last modified some seconds ago."""
    for name, text in content.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        os.utime(path, (time.time() - age,) * 2)


def read_tree(folder: Path) -> dict[str, str]:
    """Return the contents of all files in a folder and below it, by their relative paths."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_text() for path in files}
