"""Pages of the site that are generated from the workspace.

A hook of MkDocs, named in mkdocs.yml: https://www.mkdocs.org/user-guide/configuration/#hooks

READMEs become pages, with links to files replaced by links to pages. Each handler, each command
and each package with public Python names gets a page of its reference.
"""

from __future__ import annotations

import os
import posixpath
import re
import tomllib
from collections.abc import Iterable, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

import command_pages
import handler_pages
import python_reference
from npm_scripts import MERMAID, WORKER, find_script
from workspace import HANDLER_GROUP, Project, find_projects

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]

# Pages of docs/, by their titles in the navigation.
_GUIDES = {
    "Move data": "guides/move-data",
    "Clean up": "guides/clean-up",
    "Run on AWS Batch": "guides/run-on-batch",
    "Notify": "guides/notify",
    "Copy images": "guides/copy-images",
    "Build an API": "guides/build-an-api",
    "Write a handler": "guides/write-a-handler",
    "Ship a handler": "guides/ship-a-handler",
}
_DATA = {"Stores": "stores", "S3 servers": "s3-servers"}
_FUNCTIONS = {
    "Deployment": "deployment",
    "Python versions": "python-versions",
    "Managed instances": "managed-instances",
    "Durable functions": "durable-functions",
    "Agents": "agents",
    "Surprises": "surprises",
}
_COMING_FROM = {
    "aws s3": "coming-from-aws-s3",
    "s5cmd": "coming-from-s5cmd",
    "rclone": "coming-from-rclone",
}
_OPERATIONS = {"Operations": "operations", "Scale": "scale", "Moving": "moving"}
_PROJECT = {
    "Architecture": "architecture",
    "Contributing": "contributing",
    "Changelog": "changelog",
}

_SCRIPTS = {"assets/mermaid.min.js": MERMAID, "assets/worker.js": WORKER}
_MERMAID, _WORKER = _SCRIPTS
# Where the plugin `offline` loads a script from.
_WORKER_URL = "https://unpkg.com/iframe-worker/shim"

# Names that fit into a line of a phone.
_SHORT_CODE = re.compile(r"(?<!<pre>)<code>([^<\s]{2,32})</code>")
_DIAGRAM = re.compile(r'<pre class="mermaid">.*?</pre>', re.DOTALL)
_LINK = re.compile(r"(?<=\]\()(?!https?:|#|mailto:)([^)#\s]+)(#[^)\s]*)?(?=\))")


class DocumentationError(ValueError):
    """A page cannot be generated; the message says why."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Set the navigation, and the width of usage lines."""
    os.environ["COLUMNS"] = "90"
    config.nav = navigation(ROOT)
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages, and the files that they link to."""
    from mkdocs.structure.files import File

    for path, content in generate(ROOT).items():
        files.append(File.generated(config, path, content=content))
    for path, script in _SCRIPTS.items():
        file = str(find_script(script, ROOT / ".cache"))
        files.append(File.generated(config, path, abs_src_path=file))
    return files


def on_post_page(output: str, page: Page, **_: Any) -> str:
    """Load scripts from the site, and keep names whole.

    The script of diagrams is too large for pages without one.
    """
    from mkdocs.utils import get_relative_url

    output = output.replace(_WORKER_URL, get_relative_url(_WORKER, page.url))
    output = _SHORT_CODE.sub(r'<code class="whole">\1</code>', output)
    if '<pre class="mermaid">' not in output:
        return output
    # On a phone, a diagram scrolls: its text would be too small to read.
    output = _DIAGRAM.sub(r'<div class="diagram">\g<0></div>', output)
    # Before the scripts of the theme, which draw diagrams if it is there.
    script = f'<script src="{get_relative_url(_MERMAID, page.url)}"></script>'
    return output.replace("</head>", f"{script}</head>", 1)


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Add the fields that version 1.1 lacks to the page on migration."""
    return markdown + new_fields() if page.file.src_uri == "moving.md" else markdown


def navigation(root: Path) -> list[Any]:
    """Return the pages of the site as a value of the setting ``nav``."""
    projects = find_projects(root)
    handlers = [
        {name: [{handler: f"handlers/{handler}.md"} for handler in one.handlers]}
        for name, one in projects.items()
        if one.handlers
    ]
    commands = [{command: f"commands/{command}.md"} for command in command_pages.commands()]
    examples = [f"examples/{path.parent.name}.md" for path in _examples(root)]
    reference = [{face: f"reference/{face}.md"} for face in python_reference.FACES]
    return [
        {"Start": ["index.md", {"Five minutes": "quick-start.md"}, {"Install": "install.md"}]},
        {
            "Guides": [
                *_titled(_GUIDES),
                {"Examples": ["examples/index.md", *examples]},
                {"Data": _titled(_DATA)},
                {"Functions": _titled(_FUNCTIONS)},
            ]
        },
        {"Commands": ["commands/index.md", *commands, {"Coming from": _titled(_COMING_FROM)}]},
        {"Handlers": ["handlers/index.md", *handlers]},
        {"Python": ["reference/index.md", *reference]},
        {"Packages": [{name: f"{name}.md"} for name in projects]},
        {"Operations": _titled(_OPERATIONS)},
        {"Project": _titled(_PROJECT)},
    ]


def _titled(pages: Mapping[str, str]) -> list[dict[str, str]]:
    return [{title: f"{page}.md"} for title, page in pages.items()]


def generate(root: Path) -> dict[str, str]:
    """Return the generated pages and the files that they link to, by their paths.

    Raises:
        DocumentationError: a README links to a missing file.
    """
    readmes = _readmes(root)
    written = (root / "docs").rglob("*.md")
    pages = readmes | {path: path.relative_to(root / "docs").as_posix() for path in written}
    made = {page: with_links(path, root, pages) for path, page in readmes.items()}
    made |= _handlers(find_projects(root))
    made |= _commands(find_projects(root))
    made |= _reference()
    return made | _linked_files(readmes, root, pages)


def _readmes(root: Path) -> dict[Path, str]:
    """Return the READMEs and similar files of the workspace with their pages."""
    return {
        root / "README.md": "index.md",
        root / "CHANGELOG.md": "changelog.md",
        root / "CONTRIBUTING.md": "contributing.md",
        root / "examples" / "README.md": "examples/index.md",
        **{one.folder / "README.md": f"{name}.md" for name, one in find_projects(root).items()},
        **{path: f"examples/{path.parent.name}.md" for path in _examples(root)},
    }


def _examples(root: Path) -> list[Path]:
    """Return the READMEs of the examples."""
    return sorted(root.glob("examples/*/README.md"))


def with_links(path: Path, root: Path, pages: Mapping[Path, str]) -> str:
    """Return the text of a file with links to files replaced by links to pages.

    Args:
        path: the file.
        root: of the workspace.
        pages: the page of each file that is one.
    """
    page = posixpath.dirname(pages[path])

    def replace(match: re.Match[str]) -> str:
        target = _target(path, match[1])
        page_or_file = pages.get(target) or f"files/{target.relative_to(root).as_posix()}"
        return posixpath.relpath(page_or_file, page or ".") + (match[2] or "")

    return _LINK.sub(replace, path.read_text())


def _target(path: Path, link: str) -> Path:
    target = Path(os.path.normpath(path.parent / link))
    if target.is_dir():
        target /= "README.md"
    if not target.is_file():
        raise DocumentationError(f"{path} has a link to {link}, which does not exist")
    return target


def _linked_files(paths: Iterable[Path], root: Path, pages: Mapping[Path, str]) -> dict[str, str]:
    targets = {
        _target(path, match[1]) for path in paths for match in _LINK.finditer(path.read_text())
    }
    return {
        f"files/{target.relative_to(root).as_posix()}": target.read_text()
        for target in targets
        if target not in pages
    }


def _handlers(projects: Mapping[str, Project]) -> dict[str, str]:
    """Return a page for each handler, and the page that lists them."""
    from aibs_informatics_aws_lambda.common.description import describe

    installed = {one.name: one for one in entry_points(group=HANDLER_GROUP)}
    packages = {
        name: {handler: describe(installed[handler].load()) for handler in project.handlers}
        for name, project in projects.items()
        if project.handlers
    }
    pages = {
        f"handlers/{handler}.md": handler_pages.handler_page(
            handler, description, f"[{name}](../{name}.md)"
        )
        for name, descriptions in packages.items()
        for handler, description in descriptions.items()
    }
    return pages | {"handlers/index.md": handler_pages.handler_overview(packages)}


def _commands(projects: Mapping[str, Project]) -> dict[str, str]:
    """Return a page for each command."""
    return {
        f"commands/{command}.md": command_pages.command_page(
            command, parsers, f"[{name}](../{name}.md)"
        )
        for command, parsers in command_pages.commands().items()
        for name in [_project_of(command, projects)]
    }


def _project_of(command: str, projects: Mapping[str, Project]) -> str:
    """Return the first project with a command: a distribution may restore that of another."""
    return next(
        name
        for name, project in projects.items()
        if command
        in tomllib.loads((project.folder / "pyproject.toml").read_text())["project"].get(
            "scripts", {}
        )
    )


def _reference() -> dict[str, str]:
    """Return a page for each package that offers public names, and the page that lists them."""
    pages = python_reference.reference_pages()
    made = {f"reference/{face}.md": page for face, page in pages.items()}
    return made | {"reference/index.md": python_reference.overview()}


def new_fields() -> str:
    """Return a section with the fields of requests that version 1.1 ignores or refuses."""
    from aibs_informatics_aws_lambda.common.cli.compatibility import new_fields_of

    found: dict[str, tuple[str, ...]] = {}
    for entry in entry_points(group=HANDLER_GROUP):
        found |= new_fields_of(entry.load())
    rows = [
        f"| `{model}` | {', '.join(f'`{field}`' for field in fields)} |"
        for model, fields in sorted(found.items())
    ]
    table = "\n".join(["| Model | Fields |", "|---|---|", *rows])
    return f"\n## Fields that version 1.1 lacks\n\n{table}\n"
