"""Mutants of a module: copies that differ in one operator, number, condition or statement.

Cosmic Ray's operators make most of them; those it lacks are defined here. Strings are left as they
are: nearly all of them are texts of messages.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import parso
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator
from parso.python.tree import Keyword, Name

# Of its replacements of operators those that could be a slip: a limit that is off by one, a
# condition the wrong way round. Most others end in a TypeError, and would only flatter the tests.
_COMPARISONS = (
    *("Eq_NotEq", "NotEq_Eq", "Is_IsNot", "IsNot_Is"),
    *("Lt_LtE", "Lt_GtE", "LtE_Lt", "LtE_Gt", "Gt_GtE", "Gt_LtE", "GtE_Gt", "GtE_Lt"),
)
_ARITHMETIC = (
    *("Add_Sub", "Sub_Add", "Mul_FloorDiv", "FloorDiv_Mul", "Div_Mul", "Mod_Mul", "Pow_Mul"),
    *("LShift_RShift", "RShift_LShift", "BitAnd_BitOr", "BitOr_BitAnd"),
)
_OTHERS = (
    "AddNot",
    "ReplaceUnaryOperator_Delete_Not",
    "ReplaceUnaryOperator_Delete_USub",
    "ReplaceTrueWithFalse",
    "ReplaceFalseWithTrue",
    "ReplaceAndWithOr",
    "ReplaceOrWithAnd",
    "ReplaceBreakWithContinue",
    "ReplaceContinueWithBreak",
    "ExceptionReplacer",
    "NumberReplacer",
    "ZeroIterationForLoop",
)

_OPPOSITES = {
    "all": "any",
    "endswith": "startswith",
    "islice": "iter",
    "lstrip": "rstrip",
    "max": "min",
    "partition": "rpartition",
    "removeprefix": "removesuffix",
}
_SWAPPED = {**_OPPOSITES, **{other: name for name, other in _OPPOSITES.items()}}
_STATEMENTS = frozenset(
    {"atom_expr", "expr_stmt", "raise_stmt", "return_stmt", "yield_expr", "del_stmt"}
)


@dataclass(frozen=True, order=True)
class Mutant:
    """A module with one change.

    Args:
        function: the function or class that is changed; empty for the module itself.
        before: the lines that are changed, without indentation.
        after: the same lines, changed.
        code: the whole module.
    """

    function: str
    before: str
    after: str
    code: str


def make_mutants(source: str) -> Iterator[Mutant]:
    """Yield the mutants of a module, each once."""
    seen = {source}
    for operator in _operators():
        occurrence = 0
        while (code := mutate_code(source, operator, occurrence)) is not None:
            occurrence += 1
            if code not in seen and _compiles(code):
                seen.add(code)
                yield _mutant(source, code)


def _operators() -> Iterator[Any]:
    names = (
        *(f"ReplaceComparisonOperator_{name}" for name in _COMPARISONS),
        *(f"ReplaceBinaryOperator_{name}" for name in _ARITHMETIC),
        *_OTHERS,
    )
    for name in names:
        yield _OutsideOfAnnotations(get_operator(f"core/{name}")())
    yield _SwapFunctions()
    yield _NegateIn()
    yield _RemoveStatement()


def _compiles(code: str) -> bool:
    try:
        compile(code, "mutant", "exec")
    except SyntaxError:
        return False
    return True


def _mutant(source: str, code: str) -> Mutant:
    old, new = source.splitlines(), code.splitlines()
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    changes = [change for change in matcher.get_opcodes() if change[0] != "equal"]
    _, first, last, new_first, new_last = changes[0]
    before, after = _joined(old[first:last]), _joined(new[new_first:new_last])
    return Mutant(_function_at(source, first + 1), before, after, code)


def _joined(lines: Sequence[str]) -> str:
    # Numbers that are replaced come with a space before them. That after a binary minus stays.
    return re.sub(r"(?<=[(\[-])(?<![\w)\]] -) (?=\d)", "", " ".join(" ".join(lines).split()))


def _function_at(source: str, line: int) -> str:
    text = source.splitlines()[line - 1]
    leaf = parso.parse(source).get_leaf_for_position(
        (line, len(text) - len(text.lstrip())), include_prefixes=True
    )
    names: list[str] = []
    while leaf is not None:
        if leaf.type in ("funcdef", "classdef"):
            names.insert(0, leaf.name.value)
        leaf = leaf.parent
    return ".".join(names)


class _OutsideOfAnnotations:
    """Another operator, but not in annotations, which nothing evaluates."""

    def __init__(self, operator: Any) -> None:
        self._operator = operator

    def mutation_positions(self, node: Any) -> Sequence[Any]:
        return () if _is_annotation(node) else tuple(self._operator.mutation_positions(node))

    def mutate(self, node: Any, index: int) -> Any:
        return self._operator.mutate(node, index)


def _is_annotation(node: Any) -> bool:
    while node.parent is not None:
        parent = node.parent
        if parent.type == "funcdef" and parent.annotation is node:
            return True
        if parent.type == "param" and parent.annotation is not None:
            return node is not parent.default
        if parent.type == "annassign" and parent.children[1] is node:
            return True
        node = parent
    return False


class _SwapFunctions:
    """Calls the opposite of a function, such as ``max`` for ``min``."""

    def mutation_positions(self, node: Any) -> Iterator[Any]:
        if isinstance(node, Name) and node.value in _SWAPPED and not node.is_definition():
            yield node.start_pos, node.end_pos

    def mutate(self, node: Any, _: int) -> Any:
        node.value = _SWAPPED[node.value]
        return node


class _NegateIn:
    """Asks whether something is not in a collection, or the other way round."""

    def mutation_positions(self, node: Any) -> Iterator[Any]:
        is_in = isinstance(node, Keyword) and node.value == "in"
        if is_in and node.parent.type in ("comparison", "comp_op"):
            yield node.start_pos, node.end_pos

    def mutate(self, node: Any, _: int) -> Any:
        if node.parent.type == "comparison":
            node.value = "not in"
        else:
            node.parent.children[0].value = ""
        return node


class _RemoveStatement:
    """Leaves a statement out."""

    def mutation_positions(self, node: Any) -> Iterator[Any]:
        is_in_function = node.type == "simple_stmt" and parso_function(node) is not None
        if is_in_function and node.children[0].type in _STATEMENTS:
            yield node.start_pos, node.end_pos

    def mutate(self, node: Any, _: int) -> Any:
        statement = node.children[0]
        node.children[0] = Keyword("pass", statement.start_pos, statement.get_first_leaf().prefix)
        return node


def parso_function(node: Any) -> Any:
    """Return the function that a node is in, or `None`."""
    while node is not None and node.type != "funcdef":
        node = node.parent
    return node
