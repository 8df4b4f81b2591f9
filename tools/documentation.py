"""Pages of the site that are generated from the workspace.

A hook of MkDocs, named in mkdocs.yml: https://www.mkdocs.org/user-guide/configuration/#hooks

READMEs become pages, with links to files replaced by links to pages. Each function family gets
tables of its models, and each public module of the libraries gets a reference.
"""

from __future__ import annotations

import ast
import json
import os
import posixpath
import re
import subprocess
import sysconfig
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mermaid_script import find_mermaid_script
from schema_tables import handler_section
from workspace import HANDLER_GROUP, Project, find_projects

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

__all__ = [
    "DocumentationError",
    "generate",
    "navigation",
    "on_config",
    "on_files",
    "on_page_markdown",
    "on_post_page",
    "programs",
    "with_links",
]

ROOT = Path(__file__).parents[1]

# Libraries whose API people build on.
_BASE = ("core", "storage")
_NAMESPACE = "aibs_informatics_aws_lambda"
# Internal modules and packages of these libraries, beside those with a leading underscore.
INTERNAL = (
    "common.api.dispatch",
    "common.api.documentation",
    "common.api.event",
    "common.api.integrations",
    "common.api.openapi",
    "common.api.request",
    "common.api.serve",
    "common.base",
    "common.checked_text",
    "common.cli",
    "common.collector",
    "common.context",
    "common.documents",
    "common.files",
    "common.generics",
    "common.handler_names",
    "common.hashing",
    "common.lambda_function",
    "common.lazy",
    "common.record_batches",
    "common.router",
    "storage.data_sync.batch",
    "storage.data_sync.filters",
    "storage.data_sync.json_documents",
    "storage.data_sync.removal_requests",
    "storage.data_sync.stored_lists",
    "storage.data_sync.sync",
    "storage.regular_expressions",
)

_MERMAID = "assets/mermaid.min.js"

_LINK = re.compile(r"(?<=\]\()(?!https?:|#|mailto:)([^)#\s]+)(#[^)\s]*)?(?=\))")


class DocumentationError(ValueError):
    """A page cannot be generated; the message says why."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Set the navigation."""
    config.nav = navigation(ROOT)
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages, and the files that they link to."""
    from mkdocs.structure.files import File

    for path, content in generate(ROOT).items():
        files.append(File.generated(config, path, content=content))
    script = find_mermaid_script(ROOT / ".cache")
    files.append(File.generated(config, _MERMAID, abs_src_path=str(script)))
    return files


def on_post_page(output: str, page: Page, **_: Any) -> str:
    """Add the script of diagrams to pages that have one; it is too large for all."""
    if '<pre class="mermaid">' not in output:
        return output
    from mkdocs.utils import get_relative_url

    url = get_relative_url(_MERMAID, page.url)
    # Before the scripts of the theme, which draw diagrams if it is there.
    return output.replace("</head>", f'<script src="{url}"></script></head>', 1)


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Add the help of all commands, and the fields that version 1.1 lacks, to their pages."""
    if page.file.src_uri == "command-line.md":
        return markdown + programs(ROOT)
    return markdown + new_fields() if page.file.src_uri == "moving.md" else markdown


def navigation(root: Path) -> list[Any]:
    """Return the pages of the site as a value of the setting ``nav``."""
    projects = find_projects(root).items()
    packages = [{name: f"{name}.md"} for name, one in projects if one.is_package]
    libraries = [{name: f"{name}.md"} for name, one in projects if not one.is_package]
    reference = [{module: f"reference/{module}.md"} for module in public_modules(root)]
    return [
        {"Home": "index.md"},
        {"Quick start": "quick-start.md"},
        {
            "Guides": [
                {"Deployment": "deployment.md"},
                {"Managed instances": "managed-instances.md"},
                {"Durable functions": "durable-functions.md"},
                {"Operations": "operations.md"},
                {"S3 servers": "s3-servers.md"},
                {"Agents": "agents.md"},
                {"Migration": "moving.md"},
                {"Stores": "stores.md"},
                {"Surprises": "surprises.md"},
            ]
        },
        {"Functions": packages},
        {"Libraries": libraries},
        {
            "Commands": [
                {"Command line": "command-line.md"},
                {"Coming from aws s3": "coming-from-aws-s3.md"},
                {"Coming from s5cmd": "coming-from-s5cmd.md"},
                {"Coming from rclone": "coming-from-rclone.md"},
            ]
        },
        {"Python reference": reference},
        {
            "Project": [
                {"Architecture": "architecture.md"},
                {"Contributing": "contributing.md"},
                {"Changelog": "changelog.md"},
            ]
        },
    ]


def generate(root: Path) -> dict[str, str]:
    """Return the generated pages and the files that they link to, by their paths.

    Raises:
        DocumentationError: a README links to a missing file.
    """
    readmes = _readmes(root)
    pages = readmes | {path: path.name for path in (root / "docs").glob("*.md")}
    made = {page: with_links(path, root, pages) for path, page in readmes.items()}
    for name, project in find_projects(root).items():
        if project.handlers:
            made[f"{name}.md"] += _handlers(project)
    modules = public_modules(root)
    made |= {f"reference/{module}.md": _reference(module, modules) for module in modules}
    return made | _linked_files(readmes, root, pages)


def _readmes(root: Path) -> dict[Path, str]:
    """Return the READMEs and similar files of the workspace with their pages."""
    return {
        root / "README.md": "index.md",
        root / "CHANGELOG.md": "changelog.md",
        root / "CONTRIBUTING.md": "contributing.md",
        **{one.folder / "README.md": f"{name}.md" for name, one in find_projects(root).items()},
    }


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


def _handlers(project: Project) -> str:
    from aibs_informatics_aws_lambda.common.description import describe

    installed = {one.name: one for one in entry_points(group=HANDLER_GROUP)}
    sections = [
        handler_section(name, describe(installed[name].load())) for name in project.handlers
    ]
    return "\n## All fields\n\n" + "\n".join(sections)


def programs(root: Path) -> str:
    """Return a section for each command of the workspace, with its help."""
    return "".join(
        f"\n## {program}\n\nPart of [{name}]({name}.md).\n\n```text\n{_help(program)}```\n"
        for name, program in _programs(root)
    )


def _programs(root: Path) -> Iterator[tuple[str, str]]:
    found: set[str] = set()
    for name, project in find_projects(root).items():
        settings = tomllib.loads((project.folder / "pyproject.toml").read_text())["project"]
        for program in settings.get("scripts", {}):
            # A distribution may restore the command of another.
            if program not in found:
                found.add(program)
                yield name, program


def _help(program: str) -> str:
    option = "--help-all" if program == "data-sync" else "--help"
    command = [str(Path(sysconfig.get_path("scripts"), program)), option]
    environment = {**os.environ, "COLUMNS": "90", "NO_COLOR": "1"}
    return subprocess.run(
        command, check=True, capture_output=True, text=True, env=environment
    ).stdout


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


def public_modules(root: Path) -> dict[str, Path]:
    """Return the files of the public modules of the base by their names below the namespace."""
    return {
        name: path
        for name, path in sorted(base_modules(root).items())
        if public_names(name, path)
        and not any(part.startswith("_") for part in name.split("."))
        and not any(f"{name}.".startswith(f"{internal}.") for internal in INTERNAL)
    }


def base_modules(root: Path) -> dict[str, Path]:
    """Return the files of all modules of the base by their names below the namespace."""
    return {
        ".".join(path.relative_to(source).with_suffix("").parts).removesuffix(".__init__"): path
        for name in _BASE
        for source in [root / "libs" / name / "src" / _NAMESPACE]
        for path in source.rglob("*.py")
    }


def _reference(module: str, modules: Mapping[str, Path]) -> str:
    """Return the page of a module: its own names, and links to those of other public modules."""
    names = public_names(module, modules[module])
    linked = {
        name: source for name, source in names.items() if source != module and source in modules
    }
    own = json.dumps([name for name in names if name not in linked])
    options = f"    options:\n      members: {own}\n"
    page = f"# {module}\n\n::: {_NAMESPACE}.{module}\n{options}"
    if not linked:
        return page
    rows = [f"| `{name}` | [{source}]({source}.md) |" for name, source in linked.items()]
    return "\n".join(
        [f"{page}\n## Names of other modules\n", "| name | module |", "|---|---|", *rows, ""]
    )


def public_names(module: str, path: Path) -> dict[str, str]:
    """Return the public names of a module in order, each with the module that defines it.

    Public are names that a module defines, and names that it re-exports from its distribution: in
    ``__all__``, by ``from .x import A as A``, or by a literal argument of ``lazy_names``.

    Args:
        module: the name of the module below the namespace.
        path: the file of the module.
    """
    is_package = path.name == "__init__.py"
    body = ast.parse(path.read_text()).body
    names = dict(_names_of(body, module if is_package else module.rpartition(".")[0]))
    exported = _exported(body)
    return {
        name: source or module
        for name, (source, is_public) in names.items()
        if not name.startswith("_") and (is_public or name in exported)
    }


def _names_of(body: Iterable[ast.stmt], package: str) -> Iterator[tuple[str, tuple[str, bool]]]:
    """Yield names with the module that they are imported from, if any, and whether it says so."""
    for node in body:
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                yield name, ("", True)
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                yield name, ("", True)
            case ast.ImportFrom(module=source, names=aliases, level=level) if level:
                parents = package.split(".")[: len(package.split(".")) - level + 1]
                origin = ".".join([*parents, *([source] if source else [])])
                for alias in aliases:
                    yield alias.asname or alias.name, (origin, alias.asname == alias.name)
            case ast.Assign(
                value=ast.Call(func=ast.Name(id="lazy_names"), args=[_, ast.Dict() as it])
            ):
                for source, names in ast.literal_eval(it).items():
                    yield from ((name, (f"{package}.{source}", True)) for name in names)
            case ast.If(test=ast.Name(id="TYPE_CHECKING"), body=inner):
                yield from _names_of(inner, package)


def _exported(body: Iterable[ast.stmt]) -> set[str]:
    for node in body:
        match node:
            case ast.Assign(targets=[ast.Name(id="__all__")], value=ast.List(elts=names)):
                return {str(name.value) for name in names if isinstance(name, ast.Constant)}
    return set()
