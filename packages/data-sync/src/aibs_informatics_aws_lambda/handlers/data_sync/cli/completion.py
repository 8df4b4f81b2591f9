"""``data-sync completion SHELL``, and the completion of what is typed in a shell."""

import os
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from types import MappingProxyType
from typing import Any

import argcomplete
from aibs_informatics_aws_lambda.common.cli.errors import ExitCode
from argcomplete.shell_integration import shellcode

from ..s3.botocore_client import s3_client
from .arguments import MODULES, PROGRAM, Parser
from .connection import set_variables
from .output import print_lines

_PROGRAM = f"{PROGRAM} completion"
_SHELLS = ("bash", "zsh", "fish")

_DESCRIPTION = """\
Print the script that completes verbs, options, paths, buckets, keys, profiles and regions.
"""

_EXAMPLES = f"""\
examples:
  bash:  eval "$({_PROGRAM} bash)"            in ~/.bashrc
  zsh:   eval "$({_PROGRAM} zsh)"             in ~/.zshrc, after compinit
  fish:  {_PROGRAM} fish | source             in ~/.config/fish/config.fish
"""


def run(arguments: Sequence[str]) -> ExitCode:
    """Print the completion script for a shell."""
    options = make_parser().parse_args(arguments)
    print_lines([shellcode([PROGRAM], shell=options.shell)], end="")
    return ExitCode.DONE


def make_parser() -> Parser:
    """Return the parser."""
    parser = Parser(_PROGRAM, _DESCRIPTION, _EXAMPLES)
    parser.add_argument("shell", metavar="SHELL", choices=_SHELLS, help="bash, zsh or fish")
    return parser


def complete() -> None:
    """Print the completions of the line in the environment of a shell, and exit."""
    line = os.environ["COMP_LINE"][: int(os.environ["COMP_POINT"])]
    words = line.rpartition(" ")[0].split()
    verb = words[1] if len(words) > 1 else ""
    if verb in MODULES:
        # As for `python script.py`: the arguments begin after the second word.
        os.environ["_ARGCOMPLETE"] = "2"
    module = import_module(f"{__package__}.{MODULES.get(verb, 'sync')}")
    parser = module.make_parser()
    if verb not in MODULES and len(words) == 1:
        source = next(action for action in parser.actions if action.dest == "source_path")
        source.completer = _complete_verb_or_path
    for action in parser.actions:
        completer = _COMPLETERS.get(action.dest.rpartition("_")[2])
        if completer is not None and action.option_strings:
            action.completer = completer
    argcomplete.autocomplete(
        parser, always_complete_options=False, default_completer=_PathCompleter()
    )
    sys.exit(ExitCode.FAILED)


class _PathCompleter(argcomplete.completers.FilesCompleter):
    """Completes local paths, buckets and keys."""

    def __call__(self, prefix: str, **settings: Any) -> list[str]:
        if not prefix.startswith("s3:"):
            return super().__call__(prefix, **settings)
        return list(_uris(prefix, settings["parsed_args"]))


def _complete_profile(prefix: str, **_: Any) -> list[str]:
    from botocore.session import Session

    return [name for name in Session().available_profiles if name.startswith(prefix)]


def _complete_region(prefix: str, **_: Any) -> list[str]:
    from botocore.session import Session

    return [name for name in Session().get_available_regions("s3") if name.startswith(prefix)]


_COMPLETERS = MappingProxyType({"profile": _complete_profile, "region": _complete_region})


def _complete_verb_or_path(prefix: str, **settings: Any) -> list[str]:
    verbs = [verb for verb in MODULES if verb.startswith(prefix)]
    return verbs + list(_PathCompleter()(prefix, **settings))


def _uris(prefix: str, options: Any) -> Iterator[str]:
    """Yield the buckets or keys with a prefix, up to the next slash, with a single request."""
    set_variables(options)
    s3 = s3_client()
    bucket, slash, key = prefix.removeprefix("s3://").partition("/")
    if not slash:
        yield from (f"s3://{found['Name']}/" for found in s3.list_buckets()["Buckets"])
        return
    page = s3.list_objects_v2(Bucket=bucket, Prefix=key, Delimiter="/")
    for common in page.get("CommonPrefixes", []):
        yield f"s3://{bucket}/{common['Prefix']}"
    for found in page.get("Contents", []):
        yield f"s3://{bucket}/{found['Key']}"
