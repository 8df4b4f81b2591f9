"""The message of a notification as plain text."""

import re
from importlib import import_module
from typing import Any

from .content import NotificationContent, NotificationContentType


def as_plain_text(content: NotificationContent) -> str:
    """Return the message as plain text."""
    if content.content_type is not NotificationContentType.HTML:
        return content.message
    if content.plain_text is not None:
        return content.plain_text
    return html_to_text(content.message)


_INVISIBLE = {"head", "script", "style", "svg", "template", "title"}
# Line breaks around an element, as in the innerText algorithm of the HTML standard
# (https://html.spec.whatwg.org/multipage/dom.html#the-innertext-idl-attribute).
_BREAKS = {
    **dict.fromkeys(("address", "article", "aside", "caption", "center", "dd", "details"), 1),
    **dict.fromkeys(("dialog", "dir", "div", "dl", "dt", "fieldset", "figcaption", "figure"), 1),
    **dict.fromkeys(("footer", "form", "header", "hgroup", "hr", "legend", "li", "main"), 1),
    **dict.fromkeys(("menu", "nav", "ol", "optgroup", "option", "pre", "search", "section"), 1),
    **dict.fromkeys(("summary", "table", "tr", "ul"), 1),
    **dict.fromkeys(("blockquote", "h1", "h2", "h3", "h4", "h5", "h6", "p"), 2),
}
_CELLS = {"td", "th"}
_LISTS = {"menu", "ol", "ul"}
_HIDDEN_STYLE = re.compile(r"display\s*:\s*none", re.IGNORECASE)
# The whitespace of HTML: unlike that of Python, without the no-break space.
_SPACES = re.compile(r"[ \t\n\f\r]+")


def html_to_text(html: str) -> str:
    """Return the visible text of HTML, with the URLs of its links.

    Paragraphs are separated by empty lines. Items of lists are marked, cells of tables are
    separated by spaces. HTML is parsed as browsers do, so no input is invalid.
    """
    # Imported here: slow to import, and only HTML messages without plain_text need it. By name,
    # because type checkers need not have it installed.
    document = import_module("justhtml").JustHTML(html, sanitize=False, scripting_enabled=False)
    writer = _TextWriter()
    # Without recursion, because HTML may be nested to any depth.
    pending = [(document.root, False)]
    while pending:
        node, is_end = pending.pop()
        if node.name == "#text":
            writer.write(node.data)
        elif is_end:
            writer.end(node.name, node.attrs)
        elif _is_visible(node):
            writer.start(node.name, node.attrs or {})
            pending.append((node, True))
            pending.extend((child, False) for child in reversed(node.children or ()))
    return writer.text()


def _is_visible(node: Any) -> bool:
    attributes = node.attrs or {}
    is_hidden = "hidden" in attributes or _HIDDEN_STYLE.search(attributes.get("style") or "")
    return node.name not in _INVISIBLE and not node.name.startswith("!") and not is_hidden


class _TextWriter:
    """Lays out text."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        # Line breaks before the next text.
        self._breaks = 0
        self._at_line_start = True
        self._after_marker = False
        self._pre_depth = 0
        # The next number of each open list; `None` without numbers.
        self._lists: list[int | None] = []
        self._link_starts: list[int] = []

    def start(self, name: str, attributes: dict[str, str | None]) -> None:
        self._break(_BREAKS.get(name, 0))
        if name == "br":
            self._newline()
        elif name == "pre":
            self._pre_depth += 1
        elif name in _LISTS:
            self._lists.append(_first_number(attributes) if name == "ol" else None)
        elif name == "li":
            self._mark_item()
        elif name == "hr":
            self._emit("---")
        elif name == "img":
            self.write(attributes.get("alt") or "")
        elif name == "a":
            self._link_starts.append(len(self._parts))

    def end(self, name: str, attributes: dict[str, str | None]) -> None:
        if name in _CELLS:
            self.write(" ")
        elif name == "pre":
            self._pre_depth -= 1
        elif name in _LISTS:
            self._lists.pop()
        elif name == "a":
            self._write_url(self._link_starts.pop(), attributes.get("href") or "")
        self._break(_BREAKS.get(name, 0))

    def write(self, text: str) -> None:
        if self._pre_depth:
            self._emit(text)
            return
        text = _SPACES.sub(" ", text)
        if self._at_line_start or self._breaks or (self._parts and self._parts[-1].endswith(" ")):
            text = text.lstrip(" ")
        self._emit(text)

    def text(self) -> str:
        text = "".join(self._parts).replace("\xa0", " ").replace("\xad", "")
        return "\n".join(line.rstrip() for line in text.split("\n")).strip("\n")

    def _emit(self, text: str) -> None:
        if not text:
            return
        if self._breaks and self._parts:
            self._parts.append("\n" * self._breaks)
        self._breaks = 0
        self._after_marker = False
        self._at_line_start = text.endswith("\n")
        self._parts.append(text)

    def _newline(self) -> None:
        self._parts.append("\n" * (self._breaks + 1))
        self._breaks = 0
        self._at_line_start = True

    def _break(self, count: int) -> None:
        # The text of an item begins beside its marker, also if it is a paragraph.
        if count and not self._after_marker:
            self._breaks = max(self._breaks, count)

    def _mark_item(self) -> None:
        marker = "-"
        if self._lists and self._lists[-1] is not None:
            marker = f"{self._lists[-1]}."
            self._lists[-1] += 1
        self._after_marker = False
        self._break(1)
        self._emit(f"{'  ' * (len(self._lists) - 1)}{marker} ")
        self._after_marker = True

    def _write_url(self, start: int, url: str) -> None:
        label = "".join(self._parts[start:]).strip()
        address = url.removeprefix("mailto:").removeprefix("tel:")
        if address and not url.startswith(("#", "javascript:")) and label != address:
            self.write(f" ({address})" if label else address)


def _first_number(attributes: dict[str, str | None]) -> int:
    text = attributes.get("start") or ""
    return int(text) if re.fullmatch(r"-?\d{1,9}", text) else 1
