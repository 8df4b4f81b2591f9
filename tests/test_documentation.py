"""The generated pages of the site are complete and correct."""

from __future__ import annotations

import re
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Literal

import documentation
import pytest
from aibs_informatics_aws_lambda.common.description import HandlerDescription, describe
from aibs_informatics_aws_lambda.common.handler import LambdaHandler
from aibs_informatics_aws_lambda.common.model import PydanticBaseModel
from pydantic import Field
from schema_tables import handler_section
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
    )


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return documentation.generate(ROOT)


def test_section_says_all_of_a_handler():
    assert handler_section("take", describe(Take)) == (
        """\
### take

Take a thing.

`test_documentation.Take`

**Request**

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

**Response**

Any JSON object.

**Example of a request**

```json
{
  "part": {
    "name": "x"
  }
}
```

**Environment variables**

| variable | meaning |
| --- | --- |
| `PLACE` | where it goes |

**IAM actions**

`s3:GetObject`
""".replace("test_documentation", Take.__module__)
    )


def test_model_that_holds_itself_is_described_once():
    class Grow(LambdaHandler[Part, Part]):
        """Grow."""

    section = handler_section("grow", describe(Grow))

    assert section.count("| `parts` | list of `Part` |") == 2  # of the request, of the response


@pytest.mark.parametrize("name", HANDLERS)
def test_every_field_of_every_handler_is_on_the_page_of_its_package(name, pages):
    project = next(one for one in find_projects(ROOT).values() if name in one.handlers)
    page = pages[f"{project.folder.name}.md"]
    section = page.partition(f"\n### {name}\n")[2].partition("\n### ")[0]
    handler = HANDLERS[name].load()

    models = (handler.get_request_cls(), handler.get_response_cls())
    fields = {field for model in models for field in model.model_fields}
    assert fields
    assert [field for field in fields if f"| `{field}` |" not in section] == []


def test_pages_start_as_their_readmes_do(pages):
    for name, project in find_projects(ROOT).items():
        first = (project.folder / "README.md").read_text().partition("\n")[0]
        assert pages[f"{name}.md"].startswith(f"{first}\n")


def test_navigation_names_every_page_once(pages):
    def listed(entries):
        for entry in entries:
            (page,) = entry.values()
            yield from [page] if isinstance(page, str) else listed(page)

    found = list(listed(documentation.navigation(ROOT)))

    written = {path.name for path in (ROOT / "docs").glob("*.md")}
    assert len(found) == len(set(found))
    assert set(found) == written | {page for page in pages if not page.startswith("files/")}


def test_reference_has_the_public_modules_and_no_internal_ones():
    modules = documentation.public_modules(ROOT)

    assert {"common.handler", "common.api.route", "storage.data_sync", "main"} <= set(modules)
    assert not [name for name in modules if name.startswith(("common.cli", "common.files"))]


def test_every_internal_module_exists():
    modules = documentation.base_modules(ROOT)

    assert [name for name in documentation.INTERNAL if name not in modules] == []


def test_modules_with_a_leading_underscore_are_internal(tmp_path):
    folder = tmp_path / "libs" / "core" / "src" / "aibs_informatics_aws_lambda" / "common"
    folder.mkdir(parents=True)
    for name in ("__init__", "handler", "_powertools"):
        (folder / f"{name}.py").write_text("NAME = 1\n")

    assert list(documentation.public_modules(tmp_path)) == ["common", "common.handler"]


@pytest.mark.parametrize(
    ("source", "names"),
    [
        (
            "def run(): ...\nclass Sync: ...\nSIZE: int = 1\n",
            {"run": "a.b", "Sync": "a.b", "SIZE": "a.b"},
        ),
        ("def _run(): ...\n_SIZE = 1\n", {}),
        ("from os import path\nfrom os import sep as sep\nimport sys\n", {}),
        ("from .c import run\n", {}),
        ("from .c import run as run\n", {"run": "a.c"}),
        ("from ..d.e import run as run\n", {"run": "d.e"}),
        ("if TYPE_CHECKING:\n    from .c import run as run\n", {"run": "a.c"}),
        ("from .c import run, stop\n__all__ = ['stop']\n", {"stop": "a.c"}),
        ("_get, _dir = lazy_names(__name__, {'c': ('run',)})\n", {"run": "a.c"}),
    ],
)
def test_public_names_are_definitions_and_re_exports(tmp_path, source, names):
    (tmp_path / "b.py").write_text(source)

    assert documentation.public_names("a.b", tmp_path / "b.py") == names


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


def test_every_program_says_what_it_does():
    text = documentation.programs(ROOT)

    for program in ("handle-lambda-request", "replicate-image"):
        assert re.search(rf"^## {program}\n(.|\n)*?usage: {program} ", text, re.MULTILINE)


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
