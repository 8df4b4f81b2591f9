"""Check the built site in Chromium, at the widths of a desktop and of a phone.

    python tools/check_site.py [--screenshots FOLDER]

Every page must have no console errors, no requests to other servers and no horizontal scrolling,
draw its diagrams, and copy commands without prompts and output. Exits with 1 and names each fault.
"""

from __future__ import annotations

import argparse
import functools
import http.server
import shutil
import sys
import threading
from collections.abc import Iterator, Sequence
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
# Elements that are cut off at the right, other than those in a container that scrolls.
_CUT_OFF = """() => [...document.querySelectorAll(".md-content *")]
    .filter(it => it.getBoundingClientRect().right > innerWidth + 1
        && !it.closest(".md-typeset__scrollwrap, pre, .highlight, .mermaid"))
    .map(it => `${it.tagName}: ${it.textContent.slice(0, 40)}`)"""
_TIMEOUT_MS = 30_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return 1 if a page has a fault."""
    parser = argparse.ArgumentParser(prog="check_site", description=__doc__)
    parser.add_argument("--screenshots", type=Path, metavar="FOLDER", help="store screenshots")
    options = parser.parse_args(arguments)
    faults = list(check(ROOT / "site", options.screenshots))
    sys.stderr.writelines(f"{fault}\n" for fault in faults)
    return int(bool(faults))


def check(site: Path, screenshots: Path | None = None) -> Iterator[str]:
    """Yield the faults of all pages of a built site.

    Args:
        site: the folder of the site.
        screenshots: the folder for a screenshot of each page and width, or `None`.
    """
    from playwright.sync_api import sync_playwright

    pages = sorted(path.relative_to(site).parent for path in site.rglob("index.html"))
    with served(site) as url, sync_playwright() as playwright:
        chromium = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        for width in WIDTHS:
            context = browser.new_context(viewport={"width": width, "height": 900})
            context.grant_permissions(["clipboard-read", "clipboard-write"])
            for name in pages:
                page = context.new_page()
                for fault in _faults(page, url, name):
                    yield f"{name} at {width} px: {fault}"
                if screenshots:
                    file = f"{'-'.join(name.parts) or 'home'}-{width}.png"
                    page.screenshot(path=screenshots / file, full_page=True)
                page.close()
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


def _faults(page: Any, url: str, name: Path) -> Iterator[str]:
    errors: list[str] = []
    requests: list[str] = []
    page.on("console", lambda it: errors.append(it.text) if it.type == "error" else None)
    page.on("pageerror", lambda it: errors.append(str(it)))
    page.on("request", lambda it: requests.append(it.url))
    page.goto(url + ("" if name == Path() else f"{name.as_posix()}/"), timeout=_TIMEOUT_MS)
    sources = page.locator("pre.mermaid")
    if '<pre class="mermaid">' in page.request.get(page.url).text():
        page.wait_for_selector("div.mermaid", timeout=_TIMEOUT_MS)
        if sources.count():
            yield f"{sources.count()} diagrams are not drawn"
    elsewhere = [it for it in requests if not it.startswith((url, "data:", "blob:"))]
    yield from (f"request to {it}" for it in elsewhere)
    yield from (f"console error: {it}" for it in errors)
    if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        yield "the page scrolls horizontally"
    yield from (f"cut off: {it}" for it in page.evaluate(_CUT_OFF))
    yield from _faults_of_copies(page)


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
