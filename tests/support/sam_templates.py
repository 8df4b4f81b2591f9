"""SAM templates, with the short forms of intrinsic functions."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any


def read_template(path: Path) -> Any:
    """Return the content of a template.

    Raises:
        ValueError: it is not valid YAML.
    """
    # It takes seconds to import, which each process of a run would do for its list of tests.
    decoder = import_module("cfnlint.decode")
    content, problems = decoder.decode_str(path.read_text())
    if problems:
        raise ValueError(f"{path} is not a template: {problems}")
    return content
