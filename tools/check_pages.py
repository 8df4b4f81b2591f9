"""Check the pages of ``data-sync stats --html`` and ``--report FILE.html`` in Chromium.

    python tools/check_pages.py [--files NUMBER] [--screenshots FOLDER]

Opened from a file, at the widths of a desktop and of a phone, in light and in dark mode, each page
must have no console errors, no requests and no horizontal scrolling, run no script of a file name,
be at most 5 MB, and be drawn within a second of processor time. Exits with 1 and names each fault.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import sample_pages
from check_site import FLAGS, WIDTHS

_MAX_BYTES = 5_000_000
_MAX_SECONDS = 1.0
_SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return 1 if a page has a fault."""
    parser = argparse.ArgumentParser(prog="check_pages", description=__doc__)
    parser.add_argument("--files", type=int, default=1_000_000, help="files (default: 1,000,000)")
    parser.add_argument("--screenshots", type=Path, metavar="FOLDER", help="store screenshots")
    options = parser.parse_args(arguments)
    faults = list(check(options.files, options.screenshots))
    sys.stderr.writelines(f"{fault}\n" for fault in faults)
    return int(bool(faults))


def check(files: int, screenshots: Path | None = None) -> Iterator[str]:
    """Yield the faults of the pages for a number of files.

    Args:
        files: the number of files.
        screenshots: the folder for a screenshot of each page, width and mode, or `None`.
    """
    from playwright.sync_api import sync_playwright

    pages = {"stats": sample_pages.stats_page(files), "report": sample_pages.report_page(files)}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=list(FLAGS)
        )
        for name, text in pages.items():
            path = Path(folder, f"{name}.html")
            path.write_text(text, encoding="utf-8")
            if path.stat().st_size > _MAX_BYTES:
                yield f"{name}: {path.stat().st_size:,} bytes, more than {_MAX_BYTES:,}"
            for width in WIDTHS:
                for scheme in _SCHEMES:
                    context = browser.new_context(
                        viewport={"width": width, "height": 900}, color_scheme=scheme
                    )
                    page = context.new_page()
                    for fault in _faults(page, path.as_uri()):
                        yield f"{name} at {width} px, {scheme}: {fault}"
                    if screenshots:
                        file = screenshots / f"{name}-{width}-{scheme}.png"
                        page.screenshot(path=file, full_page=True)
                    context.close()
        browser.close()


def _faults(page: Any, url: str) -> Iterator[str]:
    faults: list[str] = []
    requests: list[str] = []
    page.on("console", lambda it: faults.append(f"console {it.type}: {it.text}"))
    page.on("pageerror", lambda it: faults.append(f"error: {it}"))
    page.on("dialog", lambda it: faults.append(f"a name runs a script: {it.message}"))
    page.on("request", lambda it: requests.append(it.url))
    session = page.context.new_cdp_session(page)
    # The time of the processor: that of the clock depends on what else the machine does.
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.goto(url)
    page.wait_for_selector(".treemap button")
    yield from faults
    yield from (f"request to {it}" for it in requests if not it.startswith((url, "data:")))
    metrics = session.send("Performance.getMetrics")["metrics"]
    seconds = next(it["value"] for it in metrics if it["name"] == "TaskDuration")
    if seconds > _MAX_SECONDS:
        yield f"takes {seconds:.1f} s to draw"
    if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        yield "the page scrolls horizontally"
    yield from _faults_of_keyboard(page)


def _faults_of_keyboard(page: Any) -> Iterator[str]:
    """Open a folder of the treemap by the keyboard, and go back up."""
    crumbs = page.locator(".crumbs [aria-current]")
    before = crumbs.first.text_content()
    page.locator('.treemap button[tabindex="0"]').focus()
    page.keyboard.press("Enter")
    if crumbs.first.text_content() == before:
        yield "Enter does not open a folder of the treemap"
    page.locator('.treemap button[tabindex="0"]').focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Backspace")
    if crumbs.first.text_content() != before:
        yield "Backspace does not go back to the parent folder"


if __name__ == "__main__":
    sys.exit(main())
