"""Write the workflows into their packages and their diagrams into the READMEs.

Run `hatch run workflows` after changing `workflow_definitions` or `workflow_states`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from workflow_definitions import WORKFLOWS
from workflow_diagrams import draw
from workflow_policies import policy_of
from workflow_states import VARIANTS

ROOT = Path(__file__).parents[1]


def definition_path(name: str, variant: str) -> Path:
    """Return the path of the definition of a workflow."""
    package = WORKFLOWS[name][0]
    family = package.replace("-", "_")
    source = ROOT / "packages" / package / "src" / "aibs_informatics_aws_lambda"
    return source / "handlers" / family / "workflows" / f"{name}.{variant}.asl.json"


def policy_path(name: str, variant: str) -> Path:
    """Return the path of the policy of a workflow's role."""
    return definition_path(name, variant).with_name(f"{name}.{variant}.policy.json")


def expected_files() -> Iterator[tuple[Path, str]]:
    """Yield the path and the text of each generated file."""
    readmes: dict[Path, str] = {}
    for name, (package, make) in WORKFLOWS.items():
        for variant in VARIANTS:
            definition = make(variant)
            yield definition_path(name, variant), _document(definition)
            yield policy_path(name, variant), _document(policy_of(definition))
        readme = ROOT / "packages" / package / "README.md"
        text = readmes.get(readme) or readme.read_text()
        readmes[readme] = _with_diagram(text, name, draw(make("lambda")))
    yield from readmes.items()


def _document(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=2) + "\n"


def _with_diagram(text: str, name: str, diagram: str) -> str:
    block = re.compile(
        rf"(<!-- diagram: {name} -->\n```mermaid\n).*?(```\n<!-- end of diagram -->)", re.DOTALL
    )
    if not block.search(text):
        raise ValueError(f"the README has no block for the diagram of {name}: add one")
    return block.sub(lambda found: found[1] + diagram + found[2], text)


def main() -> None:
    """Write all files."""
    for path, text in expected_files():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


if __name__ == "__main__":
    main()
