"""Make the scripts of distributions independent of the machine that runs the build."""

import re
import sys
from pathlib import Path

_SHEBANG = re.compile(rb"#![^\n]*\n")
# uv and pip write this if the path of the interpreter is long or has spaces.
_SHELL_SHEBANG = re.compile(rb"#!/bin/sh\n'''exec' [^\n]*\n' '''\n")
_PORTABLE = b"#!/usr/bin/env python3\n"


def make_portable(tree: Path) -> None:
    """Replace the interpreter of this machine in the scripts of a tree by `python3`.

    Args:
        tree: Folder with the installed distributions; scripts are in `bin`.
    """
    for script in sorted((tree / "bin").glob("*")):
        content = script.read_bytes()
        match = _SHELL_SHEBANG.match(content) or _SHEBANG.match(content)
        if match and str(Path(sys.executable).parent).encode() in match[0]:
            script.write_bytes(_PORTABLE + content[match.end() :])
