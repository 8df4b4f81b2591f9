"""Check the built site in Chromium, at the widths of a desktop and of a phone.

    python tools/check_site.py [--screenshots FOLDER]

Every page must have no console errors, no requests to other servers, no horizontal scrolling and
no text that is cut off, draw its diagrams, and copy commands without prompts and output. Pages are
served from a sub-path for the desktop, and opened from the file system for the phone; the search
must find a page in both. Exits with 1 and names each fault.
"""

from __future__ import annotations

import argparse
import functools
import http.server
import shutil
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
WIDTHS = (1280, 390)
# The site is served from a sub-path, as project pages are.
SUB_PATH = "toolkit"

# Chromium runs as root in containers, and looks for no other server.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# Text beyond the right edge of the window or of its element, other than where it scrolls.
_CUT_OFF = """() => [...document.querySelectorAll("body *")]
    .filter(it => it.checkVisibility() && it.textContent.trim())
    .filter(it => !it.closest(
        ".md-typeset__scrollwrap, pre, .highlight, .mermaid, .md-search, .md-tabs, .md-skip"))
    .filter(it => {
        const style = getComputedStyle(it), box = it.getBoundingClientRect();
        const outside = box.right > innerWidth + 1 && it.closest(".md-content");
        const hides = style.textOverflow === "ellipsis" && style.overflowX === "hidden";
        return box.width && (outside || (hides && it.scrollWidth > it.clientWidth + 1));
    })
    .map(it => `${it.tagName}.${it.className}: ${it.textContent.trim().slice(0, 60)}`)"""
_OPEN_SEARCH = "input.md-search__input:visible, .md-header label[for=__search]:visible"
_QUERY = "remove-data-paths"
_TIMEOUT_MS = 30_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return 1 if a page has a fault."""
    parser = argparse.ArgumentParser(prog="check_site", description=__doc__)
    parser.add_argument("--screenshots", type=Path, metavar="FOLDER", help="store screenshots")
    options = parser.parse_args(arguments)
    status = 0
    for fault in check(ROOT / "site", options.screenshots):
        status = 1
        sys.stderr.write(f"{fault}\n")
    return status


def check(site: Path, screenshots: Path | None = None) -> Iterator[str]:
    """Yield the faults of all pages of a built site.

    Args:
        site: the folder of the site.
        screenshots: the folder for a screenshot of each page and width, or `None`.
    """
    from playwright.sync_api import sync_playwright

    pages = sorted(path.relative_to(site) for path in site.rglob("*.html"))
    pages.remove(Path("404.html"))  # Its links are absolute: a server may show it anywhere.
    with served(site) as url, sync_playwright() as playwright:
        chromium = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        for width, base in zip(WIDTHS, (url, f"{site.as_uri()}/"), strict=True):
            page = browser.new_page(viewport={"width": width, "height": 900})
            page.context.grant_permissions(["clipboard-read", "clipboard-write"])
            for name in pages:
                with _watched(page, base) as faults:
                    page.goto(f"{base}{name.as_posix()}", timeout=_TIMEOUT_MS)
                    faults += _faults(page)
                    if base == url:
                        faults += _faults_of_copies(page)
                yield from (f"{name} at {width} px: {fault}" for fault in faults)
                if screenshots:
                    file = f"{'-'.join(name.with_suffix('').parts)}-{width}.png"
                    page.evaluate("scrollTo(0, 0)")  # Copying has scrolled to a command.
                    page.screenshot(path=screenshots / file, full_page=True, animations="disabled")
            yield from (f"at {width} px: {fault}" for fault in _faults_of_search(page, base))
        browser.close()


@contextmanager
def served(site: Path) -> Iterator[str]:
    """Serve a site from a sub-path of a server on loopback, and yield its URL."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def translate_path(self, path: str) -> str:
            return super().translate_path(path.removeprefix(f"/{SUB_PATH}"))

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    handler = functools.partial(Handler, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/{SUB_PATH}/"
        server.shutdown()


@contextmanager
def _watched(page: Any, base: str) -> Iterator[list[str]]:
    """Yield a list that gets the console errors of a page, and its requests to elsewhere."""
    faults: list[str] = []

    def add_console_error(message: Any) -> None:
        if message.type == "error":
            faults.append(f"console error: {message.text}")

    def add_request(request: Any) -> None:
        if not request.url.startswith((base, "data:", "blob:")):
            faults.append(f"request to {request.url}")

    watchers: dict[str, Callable[[Any], None]] = {
        "console": add_console_error,
        "pageerror": lambda error: faults.append(f"error: {error}"),
        "request": add_request,
    }
    for event, watcher in watchers.items():
        page.on(event, watcher)
    yield faults
    for event, watcher in watchers.items():
        page.remove_listener(event, watcher)


def _faults(page: Any) -> Iterator[str]:
    sources = page.locator("pre.mermaid")
    if page.locator("script[src$='mermaid.min.js']").count():
        page.wait_for_selector("div.mermaid", timeout=_TIMEOUT_MS)
        if sources.count():
            yield f"{sources.count()} diagrams are not drawn"
    if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        yield "the page scrolls horizontally"
    yield from (f"cut off: {it}" for it in page.evaluate(_CUT_OFF))


def _faults_of_search(page: Any, base: str) -> Iterator[str]:
    """Search for a handler, and yield what is wrong with the results."""
    page.goto(f"{base}index.html", timeout=_TIMEOUT_MS)
    # As a reader does: from the file system, the search starts when it is opened, and it listens
    # to keys.
    page.locator(_OPEN_SEARCH).first.click()
    page.locator("input.md-search__input").press_sequentially(_QUERY)
    result = page.locator(".md-search-result__item a").first
    result.wait_for(timeout=_TIMEOUT_MS)
    found = result.text_content()
    if _QUERY not in found:
        yield f"the search for {_QUERY} finds {found!r} first"


def _faults_of_copies(page: Any) -> Iterator[str]:
    """Copy the first block with prompts, and yield what is wrong with it."""
    block = page.locator(".highlight:has(.gp)").first
    if block.count():
        block.hover()
        block.locator(".md-clipboard, .md-code__button").first.click()
        copied = page.evaluate("navigator.clipboard.readText()")
        prompts = [line for line in copied.splitlines() if line.startswith("$ ")]
        output = block.locator(".go").all_text_contents()
        if not copied.strip() or prompts or any(it.strip() and it in copied for it in output):
            yield f"copies {copied!r}"


if __name__ == "__main__":
    sys.exit(main())
