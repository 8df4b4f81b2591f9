"""Diagrams of workflows in Mermaid, drawn from their definitions.

https://mermaid.js.org/syntax/flowchart.html
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

# Titles of groups take two lines where they are long, which would hide what is in the group.
_SETTINGS = '%%{init: {"flowchart": {"subGraphTitleMargin": {"top": 4, "bottom": 20}}}}%%'


def draw(definition: dict[str, Any]) -> str:
    """Return the flowchart of a state machine: one line per state and one per transition."""
    head = [_SETTINGS, "flowchart TD"]
    lines = [*head, *_Drawing().machine(definition, "  "), "  classDef failed stroke:red"]
    return "\n".join(lines) + "\n"


class _Drawing:
    def __init__(self) -> None:
        self._numbers = count(1)

    def machine(self, definition: dict[str, Any], indent: str) -> Iterator[str]:
        states = definition["States"]
        ids = {name: f"s{next(self._numbers)}" for name in states}
        for name, state in states.items():
            yield from self._state(ids[name], name, state, indent)
        for name, state in states.items():
            for target, label in _arrows(state):
                yield f"{indent}{ids[name]} {label} {ids[target]}"

    def _state(self, key: str, name: str, state: dict[str, Any], indent: str) -> Iterator[str]:
        machines = state.get("Branches") or [m for m in [state.get("ItemProcessor")] if m]
        if not machines:
            yield f"{indent}{key}{_box(name, state)}"
            return
        kind = _kind_of_group(state)
        yield f'{indent}subgraph {key} ["{name} ({kind})"]'
        for machine in machines:
            yield from self.machine(machine, indent + "  ")
        yield f"{indent}end"


def _box(name: str, state: dict[str, Any]) -> str:
    if state["Type"] == "Choice":
        return f'{{"{name}"}}'
    if state["Type"] == "Fail":
        return f'(["{name}"]):::failed'
    if state["Type"] == "Task":
        return f'["{name}"]'
    return f'("{name}")'


def _kind_of_group(state: dict[str, Any]) -> str:
    if state["Type"] == "Parallel":
        return "in parallel"
    mode = state["ItemProcessor"]["ProcessorConfig"]["Mode"]
    return "for each, in child executions" if mode == "DISTRIBUTED" else "for each"


def _arrows(state: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if "Next" in state:
        yield state["Next"], "-->"
    for choice in state.get("Choices", []):
        yield choice["Next"], "-- yes -->"
    if "Default" in state:
        yield state["Default"], "-- else -->"
    for catcher in state.get("Catch", []):
        yield catcher["Next"], "-. failure .->"
