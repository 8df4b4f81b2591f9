"""Verbs and options of ls, du, rm, cp, aws s3, s5cmd and rclone, and what there is instead."""

from collections.abc import Container, Iterable, Sequence
from typing import Final

_INSTEAD: Final = {
    "--bwlimit": "--bandwidth",
    "--checkers": "--max-concurrency",
    "--concurrency": "--max-concurrency",
    "--if-size-differ": "--size-only",
    "--if-source-newer": "--update",
    "--no-progress": "--quiet",
    "--numworkers": "--max-concurrency",
    "--only-show-errors": "--quiet",
    "--transfers": "--max-concurrency",
    "-R": "-r",
    "-S": "--sort size",
    "-a": "-r --preserve",
    "-c": "--checksum",
    "-f": "--yes",
    "-t": "--sort time",
    "-u": "--update",
}

_NEEDLESS: Final = {
    "--all": "all files are included",
    "--exact-timestamps": "files of one size are compared by time and content",
    "--follow-symlinks": "symlinks are followed",
    "--progress": "progress is shown on a terminal",
    "--summarize": "data-sync stats shows totals",
    "-1": "each entry is a line",
    "-A": "all files are included",
    "-P": "progress is shown on a terminal",
    "-a": "all files are included",
    "-s": "the last line is the total",
}

_VERBS: Final = {
    "compare": "verify",
    "del": "rm",
    "delete": "rm",
    "diff": "verify",
    "dir": "ls",
    "help": "--help",
    "list": "ls",
    "mirror": "sync --delete",
    "purge": "rm -r",
    "remove": "rm",
    "size": "stats",
    "tree": "ls -r",
    "version": "--version",
}


def find_verb(unknown: str, verbs: Iterable[str]) -> str | None:
    """Return what there is instead of an unknown verb, or `None`.

    Args:
        unknown: the unknown verb.
        verbs: the verbs that there are.
    """
    if unknown in _VERBS:
        return _VERBS[unknown]
    # It takes a millisecond.
    from difflib import get_close_matches

    return next(iter(get_close_matches(unknown, verbs, 1)), None)


def find_replacement(unknown: Sequence[str], options: Container[str]) -> str:
    """Return what to do instead of an unknown option, as part of a sentence, or nothing.

    Args:
        unknown: the unknown arguments.
        options: the options of the verb.
    """
    first = unknown[0]
    name = first.partition("=")[0] if first.startswith("--") else first[:2]
    instead = _INSTEAD.get(name)
    if instead is not None and instead.split()[-1 if name == "-a" else 0] in options:
        return f"; use {instead}"
    reason = _NEEDLESS.get(name)
    return f": {reason}, leave it out" if reason else ""
