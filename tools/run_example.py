"""Run the demonstration of an example against a local AWS emulator: ``hatch run example NAME``."""

from __future__ import annotations

import argparse
import os
import runpy
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from unittest.mock import patch

from servers import aws_settings, moto_server

EXAMPLES = Path(__file__).parents[1] / "examples"

# Variables that would select a real AWS account.
_FOREIGN_SETTINGS = ("AWS_", "_HANDLER", "HANDLER_", "DEFAULT_BUCKET_NAME", "EFS_MOUNT_POINT_")


def names() -> list[str]:
    """Return the names of the examples."""
    return sorted(path.parent.name for path in EXAMPLES.glob("*/demo.py"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demonstration of an example, with an AWS emulator that ends with it."""
    parser = argparse.ArgumentParser(prog="hatch run example", description=__doc__)
    parser.add_argument("name", choices=names(), metavar="NAME", help=", ".join(names()))
    example = parser.parse_args(arguments).name
    own = {k: v for k, v in os.environ.items() if not k.startswith(_FOREIGN_SETTINGS)}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="example-")))
        url = stack.enter_context(moto_server(folder / "moto.log"))
        stack.enter_context(patch.dict(os.environ, {**own, **aws_settings(url)}, clear=True))
        # Logs of functions go to stdout: POWERTOOLS_LOG_LEVEL=INFO shows them.
        os.environ.setdefault("POWERTOOLS_LOG_LEVEL", "CRITICAL")
        os.environ.setdefault("POWERTOOLS_METRICS_DISABLED", "true")
        work = folder / "work"
        work.mkdir()
        run(example, work)
    return 0


def run(example: str, folder: Path) -> None:
    """Run a demonstration in this process, with the modules of its folder.

    Args:
        example: the name of the example.
        folder: an empty folder for its files.
    """
    home = EXAMPLES / example
    before = set(sys.modules)
    with patch.object(sys, "path", [str(home), str(home / "src"), *sys.path]):
        try:
            runpy.run_path(str(home / "demo.py"))["main"](folder)
        finally:
            # Another example may have a module of the same name.
            for name in set(sys.modules) - before:
                if _is_below(home, sys.modules[name]):
                    del sys.modules[name]


def _is_below(folder: Path, module: object) -> bool:
    file = getattr(module, "__file__", None)
    return file is not None and Path(file).is_relative_to(folder)


if __name__ == "__main__":
    sys.exit(main())
