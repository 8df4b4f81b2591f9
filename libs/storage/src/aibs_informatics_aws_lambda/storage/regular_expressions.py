"""Regular expressions from callers: those that could take exponential time are refused.

Python's engine tries every way to match a text. If a repeated part can match the same text in two
ways, as in ``(a+)+`` or ``(a|a)*``, the number of ways doubles with each repetition, and a path of
40 characters can take hours.

Whether it can is decided for each repeated part by its Glushkov automaton, which has a state for
each character: the time is exponential if two paths on the same text lead from a state back to it
(Weber and Seidl, "On the degree of ambiguity of finite automata"). Lookarounds and back-references
are taken to match more than they do, so that an expression may be refused that is harmless.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from re import _constants as ops, _parser as parser  # type: ignore[attr-defined]
from typing import Any, NamedTuple, TypeAlias

_MAX_STATES = 1_000
_REPETITIONS = frozenset("*+{")
# A part is copied to have so many states at most; with more, it may be repeated without a limit.
_MAX_COPIED_STATES = 128
# Steps of a check, of a microsecond each.
_MAX_STEPS = 300_000

Tree: TypeAlias = Iterable[tuple[Any, Any]]
Pair: TypeAlias = tuple[int, int]


class _AmbiguousError(Exception):
    """A repeated part can match a text in several ways."""


class _TooLargeError(Exception):
    """A repeated part is too large to be checked."""


def compile_expression(text: str, name: str) -> re.Pattern[str]:
    """Return a caller's regular expression, compiled.

    Args:
        text: the expression.
        name: what it is, such as ``the include pattern``, for messages.

    Raises:
        ValueError: it is not a valid regular expression, matching it could take exponential time,
            or it is too large to tell.
    """
    shown = f"{name} {text!r:.200}"
    try:
        compiled = re.compile(text)
        # Without a repetition, such as a list of many names, there is nothing to check.
        if not _REPETITIONS.isdisjoint(text):
            _check(parser.parse(text))
    except (re.error, OverflowError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else error
        raise ValueError(f"{shown} is not a valid regular expression: {reason}") from None
    except _AmbiguousError:
        raise ValueError(
            f"{shown} could take exponential time: a repeated part can match the same "
            "text in several ways, as in (a+)+ or (.*/)*. Give each text one way to match, as in "
            "a+ or ([^/]*/)*."
        ) from None
    except _TooLargeError:
        raise ValueError(
            f"{shown} cannot be checked for exponential time: it repeats a part of more than "
            f"{_MAX_STATES} characters, or with too many alternatives. Split it into several."
        ) from None
    return compiled


def _check(tree: Any) -> None:
    budget = _Budget(_MAX_STEPS)
    waiting = [(tree, tree.state.flags)]
    while waiting:
        for repeat, flags in _outermost_repeats(*waiting.pop()):
            automaton = _Automaton(_alphabet_of([repeat]))
            automaton.add([repeat], flags)
            for states in _cycles(automaton.following):
                _check_cycle(states, automaton, budget)
            waiting += automaton.separate.values()


@dataclass
class _Budget:
    """The steps that are left."""

    steps: int

    def take(self) -> None:
        self.steps -= 1
        if self.steps < 0:
            raise _TooLargeError


class _Part(NamedTuple):
    """A part of an expression. Sets of states are the bits of an integer.

    Args:
        first: the states that a match may begin with.
        last: the states that it may end with.
        can_be_empty: whether it matches the empty string.
        is_ambiguous_empty: whether it matches the empty string in several ways, as ``(a?)?`` does.
        is_ambiguous: whether it matches another text in several ways for that reason, as
            ``(a?)?b`` does.
    """

    first: int = 0
    last: int = 0
    can_be_empty: bool = True
    is_ambiguous_empty: bool = False
    is_ambiguous: bool = False


_EMPTY = _Part()


@dataclass
class _Automaton:
    """The Glushkov automaton of a repeated part.

    Args:
        alphabet: characters that stand for all: each set of the part contains some of them.
        characters: for each state, those that it matches.
        following: for each state, the states that may follow.
        separate: the lookarounds and atomic groups, which are matched on their own, with flags.
    """

    alphabet: str
    characters: list[frozenset[str]] = field(default_factory=list)
    following: list[int] = field(default_factory=list)
    separate: dict[int, tuple[Tree, int]] = field(default_factory=dict)

    def add(self, tree: Tree, flags: int) -> _Part:
        """Add a sequence."""
        whole = _EMPTY
        for op, argument in tree:
            whole = self.concatenate(whole, self.add_one(op, argument, flags))
        return whole

    def add_one(self, op: Any, argument: Any, flags: int) -> _Part:
        """Add an element of a sequence."""
        if op in _CHARACTERS:
            return self.add_state(_matched(op, argument, flags, self.alphabet))
        if op in _REPEATS:
            lowest, highest, tree = argument
            return self.repeat(lambda: self.add(tree, flags), lowest, highest)
        if op in _ATOMIC:
            return self.add_atomic(op, argument, flags)
        if op is ops.GROUPREF:
            # It matches what the group has matched: any text.
            return self.optional(self.loop(self.add_state(frozenset(self.alphabet))))
        if op in _LOOKAROUNDS:
            self.separate[id(argument)] = argument[1], flags
            return _EMPTY
        return self.alternate(
            [self.add(each, inner) for each, inner in _branches(op, argument, flags)]
        )

    def add_atomic(self, op: Any, argument: Any, flags: int) -> _Part:
        """Add a part that is not entered again once it has matched, as one character."""
        tree: Tree = argument if op is ops.ATOMIC_GROUP else [(ops.MAX_REPEAT, argument)]
        self.separate[id(argument)] = tree, flags
        inside = _Automaton(self.alphabet)
        part = inside.add(tree, flags)
        whole = self.add_state(frozenset().union(*inside.characters))
        return self.optional(whole) if part.can_be_empty else whole

    def add_state(self, characters: frozenset[str]) -> _Part:
        """Add a state that matches one of several characters."""
        if len(self.characters) == _MAX_STATES:
            raise _TooLargeError
        state = 1 << len(self.characters)
        self.characters.append(characters)
        self.following.append(0)
        return _Part(state, state, False)

    def concatenate(self, left: _Part, right: _Part) -> _Part:
        """Return the part that matches ``left``, then ``right``."""
        self.connect(left.last, right.first)
        can_be_empty = left.can_be_empty and right.can_be_empty
        return _Part(
            left.first | right.first if left.can_be_empty else left.first,
            left.last | right.last if right.can_be_empty else right.last,
            can_be_empty,
            can_be_empty and (left.is_ambiguous_empty or right.is_ambiguous_empty),
            left.is_ambiguous
            or right.is_ambiguous
            or (left.is_ambiguous_empty and right.first != 0)
            or (right.is_ambiguous_empty and left.first != 0),
        )

    def alternate(self, parts: Sequence[_Part]) -> _Part:
        """Return the part that matches one of several; without any, the empty string."""
        first = last = 0
        for part in parts:
            first, last = first | part.first, last | part.last
        empty = [part for part in parts if part.can_be_empty]
        return _Part(
            first,
            last,
            bool(empty) or not parts,
            len(empty) > 1 or any(part.is_ambiguous_empty for part in empty),
            any(part.is_ambiguous for part in parts),
        )

    def optional(self, part: _Part) -> _Part:
        """Return the part that matches ``part`` or the empty string."""
        return part._replace(can_be_empty=True, is_ambiguous_empty=part.can_be_empty)

    def loop(self, part: _Part) -> _Part:
        """Return the part that matches ``part`` one or more times."""
        if part.is_ambiguous:
            raise _AmbiguousError
        self.connect(part.last, part.first)
        # The engine may repeat what can be empty once more, with the empty string.
        return part._replace(is_ambiguous=part.can_be_empty)

    def connect(self, before: int, after: int) -> None:
        """Let states follow others. One that already does so is ambiguous: it is in two loops."""
        for state in _bits(before):
            if self.following[state] & after:
                raise _AmbiguousError
            self.following[state] |= after

    def repeat(self, add: Callable[[], _Part], lowest: int, highest: int) -> _Part:
        """Add a repeated part: as copies of it, or as a loop if these were too many."""
        if highest == 0:
            return _EMPTY
        states = len(self.characters)
        part = add()
        states = len(self.characters) - states
        is_limited = highest is not ops.MAXREPEAT
        count = highest if is_limited else max(lowest, 1)
        if states == 0 or count == 1 or states * count > _MAX_COPIED_STATES:
            whole = self.loop(part) if states and (count > 1 or not is_limited) else part
            return whole if lowest else self.optional(whole)
        copies = [part, *(add() for _ in range(count - 1))]
        rest = _EMPTY if is_limited else self.optional(self.loop(add()))
        # As x(x(x)?)?, which has one way to match each text, and not x?x?x?.
        for number in reversed(range(count)):
            rest = self.concatenate(copies[number], rest)
            rest = rest if number < lowest else self.optional(rest)
        return rest


_CHARACTERS = frozenset({ops.LITERAL, ops.NOT_LITERAL, ops.ANY, ops.IN})
_REPEATS = frozenset({ops.MAX_REPEAT, ops.MIN_REPEAT})
_ATOMIC = frozenset({ops.ATOMIC_GROUP, ops.POSSESSIVE_REPEAT})
_LOOKAROUNDS = frozenset({ops.ASSERT, ops.ASSERT_NOT})


def _outermost_repeats(tree: Tree, flags: int) -> Iterator[tuple[tuple[Any, Any], int]]:
    """Yield the repeated parts that are not in another one, with flags."""
    for op, argument in tree:
        if op in _REPEATS:
            yield (op, argument), flags
        elif op is ops.POSSESSIVE_REPEAT:
            yield (ops.MAX_REPEAT, argument), flags
        else:
            for branch, inner in _branches(op, argument, flags):
                yield from _outermost_repeats(branch, inner)


def _branches(op: Any, argument: Any, flags: int) -> Iterator[tuple[Tree, int]]:
    """Yield the parts in an element one of which is matched, with flags."""
    if op is ops.SUBPATTERN:
        _, added, removed, tree = argument
        yield tree, (flags | added) & ~removed
    elif op is ops.BRANCH:
        yield from ((branch, flags) for branch in argument[1])
    elif op is ops.GROUPREF_EXISTS:
        yield from ((branch or [], flags) for branch in argument[1:])
    elif op is ops.ATOMIC_GROUP:
        yield argument, flags
    elif op in _LOOKAROUNDS:
        yield argument[1], flags


def _check_cycle(states: int, automaton: _Automaton, budget: _Budget) -> None:
    """Check that no text leads from a state of a cycle back to it on two paths.

    Raises:
        _AmbiguousError: there is such a text.
        _TooLargeError: the budget does not suffice.
    """
    characters = automaton.characters
    follow = {state: list(_bits(automaton.following[state] & states)) for state in _bits(states)}
    # Pairs of states that a text leads to from a state. Equal ones of a cycle lead to each other.
    found: set[Pair] = {(state, state) for state in follow}
    waiting = list(found)
    while waiting:
        pair = waiting.pop()
        for left in follow[pair[0]]:
            for right in follow[pair[1]]:
                budget.take()
                if characters[left].isdisjoint(characters[right]):
                    continue
                if left == right and pair[0] != pair[1]:
                    raise _AmbiguousError
                after = (min(left, right), max(left, right))
                if after not in found:
                    found.add(after)
                    waiting.append(after)


def _cycles(following: list[int]) -> Iterator[int]:
    """Yield the sets of states that lead to each other: those that are on a cycle."""
    reachable = list(following)
    # By Warshall's algorithm, a row at a time.
    for through in range(len(reachable)):
        for state, reached in enumerate(reachable):
            if reached >> through & 1:
                reachable[state] = reached | reachable[through]
    seen = 0
    for state, reached in enumerate(reachable):
        if reached >> state & 1 and not seen >> state & 1:
            states = sum(1 << other for other in _bits(reached) if reachable[other] >> state & 1)
            seen |= states
            yield states


def _bits(states: int) -> Iterator[int]:
    while states:
        lowest = states & -states
        yield lowest.bit_length() - 1
        states ^= lowest


# Of each category and its complement, within ASCII and beyond.
_REPRESENTATIVES = "\0\n a0_-\u2003\u00e9\u0660\u20ac"


def _alphabet_of(tree: Tree) -> str:
    """Return characters of which each set of an expression, and each common part, has some."""
    codes = {ord(character) for character in _REPRESENTATIVES}
    for low, high in _ranges(tree):
        codes |= {low - 1, low, high, high + 1}
    found = {chr(code) for code in codes if 0 <= code < 0x110000}
    return "".join(found | {other for each in found for other in each.lower() + each.upper()})


def _ranges(argument: Any) -> Iterator[tuple[int, int]]:
    """Yield the characters and ranges anywhere in a parsed expression."""
    if isinstance(argument, tuple) and len(argument) == 2:
        op, value = argument
        if op in (ops.LITERAL, ops.NOT_LITERAL):
            yield value, value
            return
        if op is ops.RANGE:
            yield value
            return
    if isinstance(argument, tuple | list | parser.SubPattern):
        for each in argument:
            yield from _ranges(each)


def _matched(op: Any, argument: Any, flags: int, alphabet: str) -> frozenset[str]:
    """Return the characters of an alphabet that an element matches."""
    if op is ops.ANY:
        return frozenset(alphabet if flags & re.DOTALL else alphabet.replace("\n", ""))
    items = argument if op is ops.IN else [(op, argument)]
    is_negated = items[0][0] is ops.NEGATE
    return frozenset(
        character
        for character in alphabet
        if any(_has(item, character, flags) for item in items) != is_negated
    )


def _has(item: tuple[Any, Any], character: str, flags: int) -> bool:
    """Return whether an item of a set contains a character."""
    op, argument = item
    if op is ops.CATEGORY:
        is_outside = flags & re.ASCII and not character.isascii()
        is_negated, test = _CATEGORIES[argument]
        return bool(not is_outside and test(character)) != is_negated
    if op is ops.NEGATE:
        return False
    low, high = argument if op is ops.RANGE else (argument, argument)
    forms = {character}
    if flags & re.IGNORECASE:
        forms |= {character.lower(), character.upper()}
    is_in = any(low <= ord(form) <= high for form in forms if len(form) == 1)
    return is_in != (op is ops.NOT_LITERAL)


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"


_CATEGORIES: dict[Any, tuple[bool, Callable[[str], bool]]] = {
    ops.CATEGORY_DIGIT: (False, str.isdecimal),
    ops.CATEGORY_NOT_DIGIT: (True, str.isdecimal),
    ops.CATEGORY_SPACE: (False, str.isspace),
    ops.CATEGORY_NOT_SPACE: (True, str.isspace),
    ops.CATEGORY_WORD: (False, _is_word),
    ops.CATEGORY_NOT_WORD: (True, _is_word),
}
