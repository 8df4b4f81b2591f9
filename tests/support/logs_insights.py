"""Queries of CloudWatch Logs Insights, run over log events.

It has the commands display, fields, filter, limit, parse, sort and stats. Anything else is a
`QuerySyntaxError`, as is what Logs Insights refuses.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax.html
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, TypeAlias

__all__ = ["LogEvent", "QuerySyntaxError", "fields_of", "run_query"]

Value: TypeAlias = str | float | int | bool | None
Row: TypeAlias = dict[str, Value]
Expression: TypeAlias = Callable[[Row], Value]

_MOST_ROWS: Final = 10_000
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_TOKEN: Final = re.compile(
    r"""\s*(?:
        (?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')
      | (?P<pattern>/(?:\\.|[^/\\])+/)
      | (?P<duration>\d+(?:s|m|h|d|w)\b)
      | (?P<number>\d+(?:\.\d+)?)
      | (?P<name>`[^`]+`|@?[A-Za-z_][\w.]*)
      | (?P<sign><=|>=|!=|=~|[=<>(),*+\-/%|\[\]])
    )""",
    re.VERBOSE,
)
_COMPARISONS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class QuerySyntaxError(ValueError):
    """A query is not in the language, or has something that is not known here."""


@dataclass(frozen=True)
class LogEvent:
    """A line of a log.

    Args:
        timestamp: when it was logged.
        message: the line.
    """

    timestamp: datetime
    message: str


def run_query(query: str, events: Iterable[LogEvent]) -> list[dict[str, str]]:
    """Return the rows of a query as the console shows them, the newest event first.

    Raises:
        QuerySyntaxError: the query is invalid, or has something that is not known here.
    """
    ordered = sorted(events, key=lambda event: event.timestamp, reverse=True)
    rows = [fields_of(event) for event in ordered]
    shown: list[str] = []
    for tokens in _commands(query):
        command = _Command(tokens)
        rows, added = command.run(rows)
        shown = added if command.replaces_fields else list(dict.fromkeys([*shown, *added]))
    shown = shown or ["@timestamp", "@message"]
    return [
        {name: _display(name, row[name]) for name in shown if row.get(name) is not None}
        for row in rows[:_MOST_ROWS]
    ]


def fields_of(event: LogEvent) -> Row:
    """Return the fields of an event; those of JSON are found, with dots in nested names."""
    fields: Row = {
        "@timestamp": event.timestamp.timestamp(),
        "@message": event.message,
        "@log": "123456789012:/aws/lambda/function",
        "@logStream": "stream",
    }
    try:
        document = json.loads(event.message)
    except ValueError:
        return fields
    if isinstance(document, dict):
        fields |= _flattened(document)
    return fields


def _flattened(value: Any, path: str = "") -> Row:
    if isinstance(value, dict):
        members = value.items()
    elif isinstance(value, list):
        members = {str(index): one for index, one in enumerate(value)}.items()
    else:
        # Booleans are numbers, and null is no field.
        return {} if value is None else {path: int(value) if isinstance(value, bool) else value}
    found: Row = {}
    for name, one in members:
        found |= _flattened(one, f"{path}.{name}" if path else name)
    return found


def _commands(query: str) -> Iterator[list[tuple[str, str]]]:
    tokens: list[tuple[str, str]] = []
    for token in _tokens(query):
        if token == ("sign", "|"):
            yield tokens
            tokens = []
        else:
            tokens.append(token)
    yield tokens


def _tokens(query: str) -> Iterator[tuple[str, str]]:
    position, text = 0, query.rstrip()
    while position < len(text):
        found = _TOKEN.match(text, position)
        if not found or not found.lastgroup:
            raise QuerySyntaxError(f"not in the query language: {text[position : position + 40]}")
        yield found.lastgroup, found[found.lastgroup]
        position = found.end()


class _Command:
    """One command of a query, parsed as it is run."""

    def __init__(self, tokens: Sequence[tuple[str, str]]) -> None:
        self._tokens = list(tokens)
        self._at = 0
        kind, self.name = self._take()
        self._run = {
            "display": self._fields,
            "fields": self._fields,
            "filter": self._filter,
            "limit": self._limit,
            "parse": self._parse,
            "sort": self._sort,
            "stats": self._stats,
        }.get(self.name)
        if kind != "name" or not self._run:
            raise QuerySyntaxError(f"not a command: {self.name}")

    @property
    def replaces_fields(self) -> bool:
        """Whether only the fields of this command are shown, of all commands before."""
        return self.name in ("display", "stats")

    def run(self, rows: list[Row]) -> tuple[list[Row], list[str]]:
        """Return the rows after the command, and the names of the fields that it shows."""
        assert self._run is not None
        result = self._run(rows)
        if self._at < len(self._tokens):
            raise QuerySyntaxError(f"unexpected in {self.name}: {self._tokens[self._at][1]}")
        return result

    def _fields(self, rows: list[Row]) -> tuple[list[Row], list[str]]:
        columns = [self._column() for _ in self._list()]
        return [{**row, **{name: value(row) for name, value in columns}} for row in rows], [
            name for name, _ in columns
        ]

    def _filter(self, rows: list[Row]) -> tuple[list[Row], list[str]]:
        condition = self._expression()
        return [row for row in rows if condition(row)], []

    def _limit(self, rows: list[Row]) -> tuple[list[Row], list[str]]:
        return rows[: int(self._expect("number"))], []

    def _parse(self, rows: list[Row]) -> tuple[list[Row], list[str]]:
        source = self._name() if self._peek()[0] == "name" else "@message"
        kind, text = self._take()
        if kind == "pattern":
            pattern = re.compile(text[1:-1].replace("(?<", "(?P<"))
            names = list(pattern.groupindex)
        else:
            pattern = _compile_glob(_unquoted(text))
            self._word("as")
            names = [self._name() for _ in self._list()]
        if pattern.groups != len(names):
            raise QuerySyntaxError(f"{text} has {pattern.groups} groups for {len(names)} names")
        parsed = []
        for row in rows:
            found = pattern.search(str(row.get(source) or ""))
            parsed.append(row | (dict(zip(names, found.groups(), strict=True)) if found else {}))
        return parsed, names

    def _sort(self, rows: list[Row]) -> tuple[list[Row], list[str]]:
        keys = []
        for _ in self._list():
            key = self._expression()
            descending = self._optional("desc")
            if not descending:
                self._optional("asc")
            keys.append((key, descending))
        for key, descending in reversed(keys):
            rows = sorted(rows, key=partial(_sort_key, key), reverse=descending)
        return rows, []

    def _stats(self, rows: list[Row]) -> tuple[list[Row], list[str]]:
        aggregates = [self._aggregate() for _ in self._list()]
        groups = [self._column() for _ in self._list()] if self._optional("by") else []
        members: dict[tuple[Value, ...], list[Row]] = {} if groups else {(): []}
        # The oldest first, as `earliest` and `latest` expect.
        for row in reversed(rows):
            members.setdefault(tuple(value(row) for _, value in groups), []).append(row)
        names = [name for name, _ in groups]
        result = [
            {**dict(zip(names, key, strict=True)), **{name: of(some) for name, of in aggregates}}
            for key, some in members.items()
        ]
        return result, [*names, *(name for name, _ in aggregates)]

    def _aggregate(self) -> tuple[str, Callable[[list[Row]], Value]]:
        start = self._at
        function = self._name()
        self._sign("(")
        if self._peek() == ("sign", "*") and function == "count":
            self._take()
            value: Expression = _one
        else:
            value = self._expression()
        self._sign(")")
        reduce = _AGGREGATES.get(function)
        if reduce is None:
            raise QuerySyntaxError(f"not an aggregate function: {function}")
        name = self._alias(start)
        return name, lambda rows: reduce([it for it in map(value, rows) if it is not None])

    def _column(self) -> tuple[str, Expression]:
        start = self._at
        value = self._expression()
        return self._alias(start), value

    def _alias(self, start: int) -> str:
        text = "".join(text for _, text in self._tokens[start : self._at])
        return self._name() if self._optional("as") else text

    def _expression(self) -> Expression:
        terms = [self._conjunction()]
        while self._optional("or"):
            terms.append(self._conjunction())
        return terms[0] if len(terms) == 1 else lambda row: any(term(row) for term in terms)

    def _conjunction(self) -> Expression:
        terms = [self._negation()]
        while self._optional("and"):
            terms.append(self._negation())
        return terms[0] if len(terms) == 1 else lambda row: all(term(row) for term in terms)

    def _negation(self) -> Expression:
        if self._optional("not"):
            term = self._negation()
            return lambda row: not term(row)
        return self._comparison()

    def _comparison(self) -> Expression:
        left = self._sum()
        negated = self._peek() == ("name", "not")
        if negated:
            self._take()
        if self._optional("like") or (self._peek() == ("sign", "=~") and self._take()):
            found = self._matcher()
            return lambda row: found(left(row)) != negated
        if self._optional("in"):
            self._sign("[")
            choices = [self._sum() for _ in self._list()]
            self._sign("]")
            return lambda row: (
                any(_compare(operator.eq, left(row), one(row)) for one in choices) != negated
            )
        kind, sign = self._peek()
        if kind == "sign" and sign in _COMPARISONS:
            self._take()
            right = self._sum()
            return lambda row: _compare(_COMPARISONS[sign], left(row), right(row))
        return left

    def _matcher(self) -> Callable[[Value], bool]:
        kind, text = self._take()
        if kind == "pattern":
            pattern = re.compile(text[1:-1])
            return lambda value: value is not None and bool(pattern.search(str(value)))
        part = _unquoted(text) if kind == "text" else ""
        if not part:
            raise QuerySyntaxError(f"like takes a text or a pattern, not {text}")
        return lambda value: value is not None and part in str(value)

    def _sum(self) -> Expression:
        return self._operators(self._product, {"+": operator.add, "-": operator.sub})

    def _product(self) -> Expression:
        signs = {"*": operator.mul, "/": operator.truediv, "%": operator.mod}
        return self._operators(self._primary, signs)

    def _operators(
        self, operand: Callable[[], Expression], signs: Mapping[str, Callable[[Any, Any], Any]]
    ) -> Expression:
        left = operand()
        while self._peek()[0] == "sign" and self._peek()[1] in signs:
            left = _calculation(signs[self._take()[1]], left, operand())
        return left

    def _primary(self) -> Expression:
        kind, text = self._take()
        if (kind, text) == ("sign", "("):
            inner = self._expression()
            self._sign(")")
            return inner
        if kind == "number":
            number = float(text) if "." in text else int(text)
            return lambda row: number
        if kind == "text":
            return lambda row: _unquoted(text)
        if kind != "name":
            raise QuerySyntaxError(f"not a value: {text}")
        if self._peek() == ("sign", "("):
            return self._call(text)
        return lambda row: row.get(text.strip("`"))

    def _call(self, function: str) -> Expression:
        self._sign("(")
        if function == "bin":
            duration = self._expect("duration")
            self._sign(")")
            seconds = int(duration[:-1]) * _SECONDS[duration[-1]]
            return lambda row: _time(float(row["@timestamp"] or 0) // seconds * seconds)
        arguments = [self._expression() for _ in self._list()]
        self._sign(")")
        if function not in _FUNCTIONS:
            raise QuerySyntaxError(f"not a function: {function}")
        return lambda row: _FUNCTIONS[function](*(argument(row) for argument in arguments))

    def _list(self) -> Iterator[None]:
        """Yield once for each element of a list; the caller takes the element."""
        yield None
        while self._peek() == ("sign", ","):
            self._take()
            yield None

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("end", "the end")

    def _take(self) -> tuple[str, str]:
        token = self._peek()
        self._at += 1
        return token

    def _optional(self, word: str) -> bool:
        found = self._peek() == ("name", word)
        self._at += found
        return found

    def _expect(self, kind: str) -> str:
        found, text = self._take()
        if found != kind:
            raise QuerySyntaxError(f"expected a {kind}, not {text}")
        return text

    def _name(self) -> str:
        return self._expect("name").strip("`")

    def _word(self, word: str) -> None:
        if not self._optional(word):
            raise QuerySyntaxError(f"expected {word}, not {self._peek()[1]}")

    def _sign(self, sign: str) -> None:
        if self._take() != ("sign", sign):
            raise QuerySyntaxError(f"expected {sign} in {self.name}")


def _one(_: Row) -> Value:
    return 1


def _calculation(
    operation: Callable[[Any, Any], Any], left: Expression, right: Expression
) -> Expression:
    def calculate(row: Row) -> Value:
        operands = [_number(left(row)), _number(right(row))]
        result: Value = None if None in operands else operation(*operands)
        return result

    return calculate


def _compare(compare: Callable[[Any, Any], bool], left: Value, right: Value) -> bool:
    """Return whether values compare so: as numbers if both are, and never if one is missing."""
    if left is None or right is None:
        return False
    numbers = _number(left), _number(right)
    return compare(str(left), str(right)) if None in numbers else compare(*numbers)


def _number(value: Value) -> float | int | None:
    if isinstance(value, int | float):
        return value
    try:
        return None if value is None else float(value)
    except ValueError:
        return None


def _sort_key(key: Expression, row: Row) -> tuple[int, float, str]:
    """Order missing values before texts, and texts before numbers."""
    value = key(row)
    number = _number(value)
    if number is not None:
        return 2, number, ""
    return (0, 0, "") if value is None else (1, 0, str(value))


def _compile_glob(text: str) -> re.Pattern[str]:
    parts = [re.escape(part) for part in text.split("*")]
    # The last * takes all that is left.
    end = "(.*)" if text.endswith("*") else None
    body = "(.*?)".join(parts[:-1] if end else parts)
    return re.compile(body + (end or ""))


def _unquoted(text: str) -> str:
    if text[:1] not in ("'", '"'):
        raise QuerySyntaxError(f"not a text: {text}")
    return re.sub(r"\\(.)", r"\1", text[1:-1])


def _time(seconds: float) -> str:
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03}"


def _display(name: str, value: Value) -> str:
    if name == "@timestamp" and isinstance(value, float):
        return _time(value)
    return f"{value:g}" if isinstance(value, float) and value.is_integer() else str(value)


_AGGREGATES: Final[Mapping[str, Callable[[list[Any]], Value]]] = {
    "avg": lambda values: sum(values) / len(values) if values else None,
    "count": len,
    "count_distinct": lambda values: len(set(values)),
    "earliest": lambda values: values[0] if values else None,
    "latest": lambda values: values[-1] if values else None,
    "max": lambda values: max(values, default=None),
    "min": lambda values: min(values, default=None),
    "sum": sum,
}
_FUNCTIONS: Final[Mapping[str, Callable[..., Value]]] = {
    "coalesce": lambda *values: next((value for value in values if value is not None), None),
    "ispresent": lambda value: value is not None,
    "strlen": lambda value: None if value is None else len(str(value)),
}
