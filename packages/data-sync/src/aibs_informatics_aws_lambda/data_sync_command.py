"""The entry point of the command ``data-sync``."""

from .common.interruption import exit_if_interrupted


def main() -> int:
    """Run the command with the arguments of the process and return its exit status."""
    exit_if_interrupted()
    # Imported once an interruption is handled.
    from .handlers.data_sync.cli.main import main as run

    return run()
