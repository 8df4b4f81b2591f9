"""Create a package of Lambda functions from a template, and register it in the workspace.

The template, templates/new-family, is itself such a package. It is copied and renamed.
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

ROOT = Path(__file__).parents[1]
TEMPLATE = ROOT / "templates" / "new-family"

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
# A longer name would make lines of the template longer than the linter allows.
_MAX_LENGTH = 24
_HANDLERS = "aibs_informatics_aws_lambda.handlers"
_FIRST_VERSION = "0.1.0"  # That of the template.
# Files of another package with the same dependencies, so that they are never outdated.
_COPIES = {"constraints.txt": "packages/batch/constraints.txt"}


class FamilyError(ValueError):
    """The package cannot be created; the message says why."""


@dataclass(frozen=True)
class FamilyName:
    """The name of a package in its three spellings.

    Args:
        kebab: kebab-case name of the folder and the distribution, such as ``data-sync``.
    """

    kebab: str

    def __post_init__(self) -> None:
        is_valid = _NAME.fullmatch(self.kebab) and len(self.kebab) <= _MAX_LENGTH
        if not is_valid or keyword.iskeyword(self.snake):
            raise FamilyError(
                f"{self.kebab!r} is not a valid package name. Use lowercase words and digits "
                f"joined by hyphens, at most {_MAX_LENGTH} characters, such as data-sync."
            )

    @property
    def snake(self) -> str:
        """Name of the import package."""
        return self.kebab.replace("-", "_")

    @property
    def pascal(self) -> str:
        """Prefix of its class names."""
        return "".join(word.capitalize() for word in self.kebab.split("-"))

    def rename(self, text: str) -> str:
        """Return a text with the name of the template replaced by this one."""
        template = _TEMPLATE_NAME
        return (
            text.replace(template.kebab, self.kebab)
            .replace(template.snake, self.snake)
            .replace(template.pascal, self.pascal)
        )


_TEMPLATE_NAME = FamilyName(TEMPLATE.name)


def make_family(name: FamilyName, root: Path) -> list[Path]:
    """Create and register the package; return the paths of the files written.

    Raises:
        FamilyError: a project with this name exists, or a file has no list to register it in.
    """
    folder = root / "packages" / name.kebab
    for existing in (folder, root / "libs" / name.kebab):
        if existing.exists():
            raise FamilyError(f"{existing.relative_to(root)} already exists")
    files = {folder / path: text for path, text in _render(name).items()}
    for file, register in REGISTRIES.items():
        files[root / file] = register((root / file).read_text(), name)
    for file, source in _COPIES.items():
        files[folder / file] = (root / source).read_text()
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    _format(folder, root)
    return list(files)


def _render(name: FamilyName) -> dict[Path, str]:
    sources = (path for path in sorted(TEMPLATE.rglob("*")) if path.is_file())
    return {
        Path(name.rename(str(path.relative_to(TEMPLATE)))): name.rename(path.read_text())
        for path in sources
        if "__pycache__" not in path.parts and "dist" not in path.parts
    }


def _format(folder: Path, root: Path) -> None:
    """Sort imports and wrap lines, which both depend on the name."""
    for arguments in (("check", "--select=I", "--fix"), ("format",)):
        command = [sys.executable, "-m", "ruff", *arguments, "--quiet", str(folder)]
        subprocess.run(command, cwd=root, check=True)


def _add_to_pyproject(text: str, name: FamilyName) -> str:
    text = _add_line(text, f'  "packages/{name.kebab}/src",', r'  "packages/[\w-]+/src",')
    module = f"{_HANDLERS}.{name.snake}"
    text = _add_line(text, f'  "{module}",', rf'  "{re.escape(_HANDLERS)}\.\w+",')
    # The layer of the packages that do not import each other.
    package = rf"{re.escape(_HANDLERS)}\.\w+"
    layers = re.findall(rf'^  "({package}(?: \| {package})+)",$', text, re.MULTILINE)
    if len(layers) != 1:
        raise FamilyError(
            f"pyproject.toml has {len(layers)} import-linter layers of several packages, not 1"
        )
    packages = sorted([*layers[0].split(" | "), module])
    return text.replace(layers[0], " | ".join(packages))


def _add_to_all(text: str, name: FamilyName) -> str:
    """Add the package to the distribution that installs all of them."""
    distribution = f"aibs-informatics-aws-lambda-{name.kebab}"
    requirement = r'  "aibs-informatics-aws-lambda-[\w-]+==[\w.]+",'
    text = _add_line(text, f'  "{distribution}=={_FIRST_VERSION}",', requirement)
    source = f'{distribution} = {{ path = "../{name.kebab}", editable = true }}'
    return _add_line(text, source, r"aibs-informatics-aws-lambda-[\w-]+ = \{.+")


def _add_to_readme(text: str, name: FamilyName) -> str:
    row = f"| [packages/{name.kebab}](packages/{name.kebab}/README.md) | word counts |"
    return _add_line(text, row, r"\| \[packages/[\w-]+\]\(.+")


def _add_to_changelog(text: str, name: FamilyName) -> str:
    unreleased = re.search(r"^## Unreleased\n.*?(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    if unreleased is None:
        raise FamilyError("CHANGELOG.md has no section Unreleased")
    entry = f"### {name.kebab}\n\n- Handler that counts the words of a text in S3.\n"
    before, after = text[: unreleased.end()].rstrip("\n"), text[unreleased.end() :]
    return f"{before}\n\n{entry}" + (f"\n{after}" if after else "")


def _add_line(text: str, line: str, pattern: str) -> str:
    """Add a line to the first block of consecutive lines that match, in sorted order.

    Args:
        text: text with the block.
        line: line to add.
        pattern: regular expression of the lines of the block.
    """
    block = re.search(rf"^(?:{pattern}\n)+", text, re.MULTILINE)
    if block is None:
        raise FamilyError(f"found no list to add this line to: {line.strip()}")
    lines = sorted([*block[0].splitlines(), line])
    return text[: block.start()] + "\n".join(lines) + "\n" + text[block.end() :]


REGISTRIES: dict[str, Callable[[str, FamilyName], str]] = {
    "pyproject.toml": _add_to_pyproject,
    "packages/all/pyproject.toml": _add_to_all,
    "README.md": _add_to_readme,
    "CHANGELOG.md": _add_to_changelog,
}


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Run the command; return exit status 0, or 2 if the package cannot be created."""
    parser = argparse.ArgumentParser(prog="new-family", description=__doc__)
    parser.add_argument("name", help="name of the package, such as image-census")
    options = parser.parse_args(arguments)
    try:
        written = make_family(FamilyName(options.name), root)
    except FamilyError as error:
        sys.stderr.write(f"new-family: error: {error}\n")
        return 2
    for path in written:
        sys.stdout.write(f"{path.relative_to(root)}\n")
    sys.stdout.write(f"\nNext: hatch test packages/{options.name}, hatch run lint\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
