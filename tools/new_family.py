"""Make a new package of functions, complete and listed wherever a package has to be.

The template is itself such a package, named new-family: it is copied, and its name is replaced.
"""

from __future__ import annotations

import argparse
import keyword
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["FamilyError", "FamilyName", "main", "make_family"]

ROOT = Path(__file__).parents[1]
TEMPLATE = ROOT / "templates" / "new-family"

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
# With longer ones, lines of the template would be longer than the linter allows.
_MAX_LENGTH = 24
_HANDLERS = "aibs_informatics_aws_lambda.handlers"


class FamilyError(ValueError):
    """A package that cannot be made; the text says why."""


@dataclass(frozen=True)
class FamilyName:
    """The name of a family in its three spellings.

    Args:
        kebab: of the folder, the distribution and the command line, such as ``data-sync``.
    """

    kebab: str

    def __post_init__(self) -> None:
        fits = _NAME.fullmatch(self.kebab) and len(self.kebab) <= _MAX_LENGTH
        if not fits or keyword.iskeyword(self.snake):
            raise FamilyError(
                f"{self.kebab!r} is no name for a package: use words of small letters and digits, "
                f"joined by hyphens, {_MAX_LENGTH} characters at most, such as data-sync"
            )

    @property
    def snake(self) -> str:
        """The name of the import package."""
        return self.kebab.replace("-", "_")

    @property
    def pascal(self) -> str:
        """What the names of its classes begin with."""
        return "".join(word.capitalize() for word in self.kebab.split("-"))

    def rename(self, text: str) -> str:
        """Return a text of the template with this name in place of the template's."""
        template = _TEMPLATE_NAME
        return (
            text.replace(template.kebab, self.kebab)
            .replace(template.snake, self.snake)
            .replace(template.pascal, self.pascal)
        )


_TEMPLATE_NAME = FamilyName(TEMPLATE.name)


def make_family(name: FamilyName, root: Path) -> list[Path]:
    """Make the package and list it; return the files that were written.

    Raises:
        FamilyError: there is a project of this name, or a file lacks the place to list it in.
    """
    folder = root / "packages" / name.kebab
    for taken in (folder, root / "libs" / name.kebab):
        if taken.exists():
            raise FamilyError(f"{taken.relative_to(root)} is there already")
    files = {folder / path: text for path, text in _render(name).items()}
    for file, change in _LISTS.items():
        files[root / file] = change((root / file).read_text(), name)
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    _tidy(folder, root)
    return list(files)


def _render(name: FamilyName) -> dict[Path, str]:
    sources = (path for path in sorted(TEMPLATE.rglob("*")) if path.is_file())
    return {
        Path(name.rename(str(path.relative_to(TEMPLATE)))): name.rename(path.read_text())
        for path in sources
        if "__pycache__" not in path.parts and "dist" not in path.parts
    }


def _tidy(folder: Path, root: Path) -> None:
    """Sort imports and fold lines: both depend on the name."""
    for arguments in (("check", "--select=I", "--fix"), ("format",)):
        command = [sys.executable, "-m", "ruff", *arguments, "--quiet", str(folder)]
        subprocess.run(command, cwd=root, check=True)


def _list_in_pyproject(text: str, name: FamilyName) -> str:
    text = _add_line(text, f'  "packages/{name.kebab}/src",', r'  "packages/[\w-]+/src",')
    module = f"{_HANDLERS}.{name.snake}"
    text = _add_line(text, f'  "{module}",', rf'  "{re.escape(_HANDLERS)}\.\w+",')
    # The layer of the families that know nothing of each other.
    one = rf"{re.escape(_HANDLERS)}\.\w+"
    layers = re.findall(rf'^  "({one}(?: \| {one})+)",$', text, re.MULTILINE)
    if len(layers) != 1:
        raise FamilyError("pyproject.toml has no layer of several families, or more than one")
    families = sorted([*layers[0].split(" | "), module])
    return text.replace(layers[0], " | ".join(families))


def _list_in_readme(text: str, name: FamilyName) -> str:
    row = f"| [packages/{name.kebab}](packages/{name.kebab}/README.md) | counts of words |"
    return _add_line(text, row, r"\| \[packages/[\w-]+\]\(.+")


def _list_in_changelog(text: str, name: FamilyName) -> str:
    unreleased = re.search(r"^## Unreleased\n.*?(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    if unreleased is None:
        raise FamilyError("CHANGELOG.md has no section Unreleased")
    entry = f"### {name.kebab}\n\n- The handler that counts words.\n"
    before, after = text[: unreleased.end()].rstrip("\n"), text[unreleased.end() :]
    return f"{before}\n\n{entry}" + (f"\n{after}" if after else "")


def _add_line(text: str, line: str, like: str) -> str:
    """Add a line to the first run of lines that look like it, in their order.

    Args:
        text: the lines, at whose first run the new one goes.
        line: the new line.
        like: a regular expression that the lines of the run match.
    """
    run = re.search(rf"^(?:{like}\n)+", text, re.MULTILINE)
    if run is None:
        raise FamilyError(f"there is no place for the line {line.strip()}")
    lines = sorted([*run[0].splitlines(), line])
    return text[: run.start()] + "\n".join(lines) + "\n" + text[run.end() :]


_LISTS: dict[str, Callable[[str, FamilyName], str]] = {
    "pyproject.toml": _list_in_pyproject,
    "README.md": _list_in_readme,
    "CHANGELOG.md": _list_in_changelog,
}


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Run the command and return its exit status: 0, or 2 for what cannot be made."""
    parser = argparse.ArgumentParser(prog="new-family", description=__doc__)
    parser.add_argument("name", help="name of the family, such as data-sync")
    options = parser.parse_args(arguments)
    try:
        written = make_family(FamilyName(options.name), root)
    except FamilyError as error:
        sys.stderr.write(f"new-family: error: {error}\n")
        return 2
    for path in written:
        sys.stdout.write(f"{path.relative_to(root)}\n")
    sys.stdout.write(f"\nNow: hatch test packages/{options.name}, hatch run lint\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
