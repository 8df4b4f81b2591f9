"""Commands that are interrupted while they start."""

import subprocess
import sys

_START = """
import os, signal, sys

signal.signal(signal.SIGINT, signal.{handler})


class Interruption:
    def find_spec(name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)


sys.meta_path.insert(0, Interruption)
from {entry} import main
sys.argv[1:] = ["--help"]
sys.exit(main())
"""


def interrupt_start(
    entry: str, module: str, handler: str = "default_int_handler"
) -> subprocess.CompletedProcess[str]:
    """Start a command that prints its help, and interrupt it before it imports a module.

    Args:
        entry: the module with the command's ``main``.
        module: the module before which it is interrupted.
        handler: the name in ``signal`` of what handles an interruption when the command starts.
    """
    code = _START.format(entry=entry, module=module, handler=handler)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
