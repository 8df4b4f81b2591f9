"""The generated pages of the site are complete and correct."""

from __future__ import annotations

import argparse
import re
import tomllib
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Literal

import command_pages
import documentation
import pytest
import python_reference
from aibs_informatics_aws_lambda.common.description import HandlerDescription, describe
from aibs_informatics_aws_lambda.common.handler import LambdaHandler
from aibs_informatics_aws_lambda.common.model import PydanticBaseModel
from handler_pages import handler_page
from pydantic import Field
from workspace import HANDLER_GROUP, find_projects

ROOT = Path(__file__).parents[1]
HANDLERS = {one.name: one for one in entry_points(group=HANDLER_GROUP)}


class Part(PydanticBaseModel):
    """A part of a thing."""

    name: str = Field(min_length=1)
    parts: list[Part] = Field([])


class Thing(PydanticBaseModel):
    """A thing."""

    part: Part
    size: int | None = Field(None, ge=1, description="how large it is")
    kind: Literal["a", "b|c"] = "a"
    labels: dict[str, str] = Field(default_factory=dict)


class Nothing(PydanticBaseModel):
    """Nothing at all."""


class Take(LambdaHandler[Thing, Nothing]):
    """Take a thing.

    And more, which is no summary.
    """

    description = HandlerDescription(
        example={"part": {"name": "x"}},
        environment={"PLACE": "where it goes"},
        iam_actions=("s3:GetObject",),
        limits=("One thing at a time.",),
        cost="S3: one GET request.",
    )

    def handle(self, request):
        """Take it.

        Raises:
            ValueError: ``size`` is too large.
        """


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return documentation.generate(ROOT)


def test_page_says_all_of_a_handler():
    assert handler_page("take", describe(Take), "[a](../a.md)") == (
        """\
# take

Take a thing.

Part of [a](../a.md): `test_documentation.Take`.

## Request

| field | type | default | meaning |
| --- | --- | --- | --- |
| `part` | `Part` | required |  |
| `size` | integer |  | how large it is (at least 1) |
| `kind` | `"a"`, `"b\\|c"` | `"a"` |  |
| `labels` | object of text |  |  |

`Part`: A part of a thing.

| field | type | default | meaning |
| --- | --- | --- | --- |
| `name` | text | required | (1 or more characters) |
| `parts` | list of `Part` | `[]` |  |

```json
{
  "part": {
    "name": "x"
  }
}
```

## Response

Any JSON object.

## Errors

| error | cause |
| --- | --- |
| `ValidationError` | {invalid} |
| `ValueError` | `size` is too large. |

## Environment variables

| variable | meaning |
| --- | --- |
| `PLACE` | where it goes |

## IAM actions

- `s3:GetObject`

## Limits

- One thing at a time.

## Cost

S3: one GET request.
""".replace("test_documentation", Take.__module__).replace(
            "{invalid}",
            "The request is invalid: the message names the field, and nothing was changed.",
        )
    )


def test_model_that_holds_itself_is_described_once():
    class Grow(LambdaHandler[Part, Part]):
        """Grow."""

    section = handler_page("grow", describe(Grow), "a")

    assert section.count("| `parts` | list of `Part` |") == 2  # of the request, of the response


@pytest.mark.parametrize("name", HANDLERS)
def test_every_field_of_every_handler_is_on_its_page(name, pages):
    page = pages[f"handlers/{name}.md"]
    handler = HANDLERS[name].load()

    models = (handler.get_request_cls(), handler.get_response_cls())
    fields = {field for model in models for field in model.model_fields}
    assert fields
    assert [field for field in fields if f"| `{field}` |" not in page] == []


@pytest.mark.parametrize("name", HANDLERS)
def test_every_page_of_a_handler_has_errors_limits_and_cost(name, pages):
    titles = re.findall(r"^## (.+)$", pages[f"handlers/{name}.md"], re.MULTILINE)

    assert {"Request", "Response", "Errors", "Limits", "Cost"} <= set(titles)


def test_all_handlers_are_listed(pages):
    listed = re.findall(r"^\| \[(.+?)\]\(\1\.md\) \| \S", pages["handlers/index.md"], re.MULTILINE)

    assert sorted(listed) == sorted(HANDLERS)


def test_pages_start_as_their_readmes_do(pages):
    for name, project in find_projects(ROOT).items():
        first = (project.folder / "README.md").read_text().partition("\n")[0]
        assert pages[f"{name}.md"].startswith(f"{first}\n")


def test_navigation_names_every_page_once(pages):
    def listed(entries):
        for entry in entries:
            # A page without a title of its own is the first of a section.
            (page,) = [entry] if isinstance(entry, str) else entry.values()
            yield from [page] if isinstance(page, str) else listed(page)

    found = list(listed(documentation.navigation(ROOT)))

    docs = ROOT / "docs"
    written = {path.relative_to(docs).as_posix() for path in docs.rglob("*.md")}
    assert len(found) == len(set(found))
    assert set(found) == written | {page for page in pages if not page.startswith("files/")}


def test_reference_has_the_packages_with_public_names(pages):
    faces = {
        ".".join(path.parent.relative_to(ROOT).parts[4:])
        for pattern in ("libs/*/src/**/__init__.py", "packages/*/src/**/__init__.py")
        for path in ROOT.glob(pattern)
        if "lazy_names(" in path.read_text()
    }

    assert faces <= set(python_reference.FACES)
    assert (
        "from aibs_informatics_aws_lambda.common import AWSError" in pages["reference/common.md"]
    )


def test_reference_lists_public_names_and_no_imports():
    assert python_reference.names_of("common.api") == [
        "ApiClientInterface",
        "ApiLambdaHandler",
        "ApiRequestConfig",
        "ApiResolverBuilder",
        "ApiRoute",
        "HTTPParameters",
        "VersionStr",
    ]
    assert {"handle", "handle_cli", "main"} <= set(python_reference.names_of("main"))
    for face in python_reference.FACES:
        assert not {"TYPE_CHECKING", "annotations", "sys"} & set(python_reference.names_of(face))


def test_links_between_files_become_links_between_pages(tmp_path):
    folder = tmp_path / "packages" / "a"
    folder.mkdir(parents=True)
    (tmp_path / "README.md").write_text("[a](packages/a/README.md) [web](https://example.org)")
    (folder / "template.yaml").write_text("")
    (folder / "README.md").write_text(
        "[root](../../README.md#top) [folder](../a) [file](template.yaml) [here](#there)"
    )
    pages = {tmp_path / "README.md": "index.md", folder / "README.md": "deep/a.md"}

    assert documentation.with_links(tmp_path / "README.md", tmp_path, pages) == (
        "[a](deep/a.md) [web](https://example.org)"
    )
    assert documentation.with_links(folder / "README.md", tmp_path, pages) == (
        "[root](../index.md#top) [folder](a.md) "
        "[file](../files/packages/a/template.yaml) [here](#there)"
    )


def test_link_to_nothing_stops_the_build(tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text("[a](no-such.md)")

    with pytest.raises(documentation.DocumentationError, match=r"a link to no-such\.md"):
        documentation.with_links(readme, tmp_path, {readme: "index.md"})


def test_every_command_has_a_page(pages):
    scripts = {
        name
        for project in find_projects(ROOT).values()
        for settings in [tomllib.loads((project.folder / "pyproject.toml").read_text())]
        for name in settings["project"].get("scripts", {})
    }

    assert set(command_pages.commands()) == scripts
    assert scripts == {path.stem for path in map(Path, pages) if path.parent.name == "commands"}


COMMANDS = {
    name: parser
    for parsers in command_pages.commands().values()
    for name, parser in parsers.items()
}


@pytest.mark.parametrize("name", COMMANDS)
def test_page_of_a_command_has_every_option(name, pages):
    program = name.split()[0]
    page = pages[f"commands/{program}.md"]
    section = page.partition(f"\n## {name}\n")[2].partition("\n## ")[0]

    actions = [it for it in COMMANDS[name]._actions if it.help != argparse.SUPPRESS]
    options = {option for action in actions for option in action.option_strings}
    shown = set(re.findall(r"`(--?\w[\w-]*)", section))
    assert options - shown == options & {"--help", "-h", "--help-all"}


def test_page_of_a_command_has_its_description_usage_and_examples():
    parser = argparse.ArgumentParser(
        prog="count",
        description="Count words.\n\nSlowly: see --least and `--kind`.",
        epilog="examples:\n  one:\n    count a\n\nNothing is changed.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=False,
    )
    parser.add_argument("path", metavar="PATH", help="the file")
    parser.add_argument("--least", "-n", metavar="N|M", default=3, help="from %(default)s on, 5%%")
    parser.add_argument("--kind", choices=("a", "b"))

    assert (
        command_pages.command_page("count", {"count": parser}, "[x](../x.md)")
        == """\
# count

Part of [x](../x.md).

## count

Count words.

```text
count [--least N|M] [--kind {a,b}] PATH
```

Slowly: see `--least` and `--kind`.

**Arguments**

| argument | meaning |
| --- | --- |
| `PATH` | the file |

**Options**

| option | meaning |
| --- | --- |
| `--least`, `-n N\\|M` | from 3 on, 5% |
| `--kind a\\|b` |  |

**Examples**

```text
one:
  count a
```

Nothing is changed.
"""
    )


def test_import_paths_of_the_guide_are_there():
    guide = (ROOT / "docs" / "moving.md").read_text()
    table = guide.partition("## Import paths")[2].partition("\n## ")[0]
    modules = re.findall(r"`((?:common|storage|handlers)\.[\w.]+)`", table)

    assert len(modules) > 20
    for module in modules:
        import_module(f"aibs_informatics_aws_lambda.{module}")


def test_the_migration_page_lists_the_fields_that_version_1_1_lacks():
    rows = documentation.new_fields().splitlines()

    (row,) = [row for row in rows if row.startswith("| `DataSyncRequest` |")]
    assert "`dry_run`" in row
    assert "`delete`" not in row


ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text()


def import_package(project) -> Path:
    """The folder of the modules of a distribution that is part of the namespace."""
    source = project.folder / "src" / "aibs_informatics_aws_lambda"
    name = project.folder.name.replace("-", "_")
    return source / "handlers" / name if project.is_package else source / name.replace("core", "")


def paths_in(text: str) -> set[str]:
    """The paths in a text: files with a known suffix, and whatever has a slash in it."""
    words = re.findall(r"`([\w./-]+)`", text)
    return {word for word in words if re.search(r"\w/\w|\.(py|toml|yaml|yml)$", word)}


def test_paths_of_the_architecture_page_exist():
    sections = re.split(r"^## ", ARCHITECTURE, flags=re.MULTILINE)
    checked = 0
    for section in sections:
        base = re.search(r"Paths of this section are below\s+`(.+?)`", section)
        if base:
            for path in paths_in(section):
                folders = (ROOT, ROOT / base[1])
                assert any((folder / path).exists() for folder in folders), path
                checked += 1
    assert checked > 20


def test_paths_of_changes_exist():
    projects = find_projects(ROOT)
    table = ARCHITECTURE.partition("## Where to change what")[2]
    rows = re.findall(r"^\| (.+?) \| `(.+?)` \| (.+?) \|$", table, re.MULTILINE)
    assert len(rows) >= 12
    for purpose, name, change in rows:
        named = [
            projects[it] for it in {name, *re.findall(r"`([\w-]+)`", change)} if it in projects
        ]
        folders = [ROOT] if name == "/" else []
        folders += [it for one in named for it in (import_package(one), one.folder)]
        for path in paths_in(change):
            assert any((folder / path).exists() for folder in folders), (purpose, path)


def test_architecture_names_every_distribution():
    names = find_projects(ROOT)

    assert [name for name in names if f"| `{name}` |" not in ARCHITECTURE] == []
