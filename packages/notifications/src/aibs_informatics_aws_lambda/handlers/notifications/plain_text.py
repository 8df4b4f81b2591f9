"""Convert HTML to plain text, for email clients that do not show HTML."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Final

_UNSEEN: Final = {"head", "script", "style", "template", "title"}
_BLOCKS: Final = {
    *("address", "article", "aside", "blockquote", "div", "dl", "dt", "dd", "fieldset"),
    *("figure", "footer", "form", "header", "hr", "li", "main", "nav", "ol", "pre"),
    *("section", "table", "tr", "ul"),
}
_PARAGRAPHS: Final = {"h1", "h2", "h3", "h4", "h5", "h6", "p"}
_CELLS: Final = {"td", "th"}


def text_of_html(html: str) -> str:
    """Return the visible text of ``html``, with the URLs of its links."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    lines = [line.rstrip() for line in "".join(reader.parts).split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._unseen = 0
        self._preformatted = 0
        self._links: list[tuple[str, int]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self._unseen += tag in _UNSEEN
        self._preformatted += tag == "pre"
        self._break(tag)
        if tag == "br":
            self._add("\n")
        elif tag == "li":
            self._add("- ")
        elif tag == "img":
            self._add(attributes.get("alt") or "")
        elif tag == "a":
            self._links.append((attributes.get("href") or "", len(self.parts)))

    def handle_endtag(self, tag: str) -> None:
        if tag in _UNSEEN:
            self._unseen = max(0, self._unseen - 1)
        self._preformatted = max(0, self._preformatted - (tag == "pre"))
        if tag in _CELLS:
            self._add(" ")
        elif tag == "a" and self._links:
            self._name_link(*self._links.pop())
        self._break(tag)

    def handle_data(self, data: str) -> None:
        if self._preformatted:
            self._add(data)
            return
        words = re.sub(r"\s+", " ", data)
        self._add(words.lstrip() if self._ends_in_space() else words)

    def _name_link(self, address: str, start: int) -> None:
        label = "".join(self.parts[start:]).strip()
        if address and not address.startswith("#") and label != address.removeprefix("mailto:"):
            self._add(f" ({address})")

    def _break(self, tag: str) -> None:
        if tag in _PARAGRAPHS:
            self._add("\n\n")
        elif tag in _BLOCKS and self.parts and not self.parts[-1].endswith("\n"):
            self._add("\n")

    def _ends_in_space(self) -> bool:
        return not self.parts or self.parts[-1][-1].isspace()

    def _add(self, text: str) -> None:
        if text and not self._unseen:
            self.parts.append(text)
