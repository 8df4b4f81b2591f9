"""An HTML page with its styles, scripts, charts and data in one file, which needs no network."""

import base64
import hashlib
import html
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.resources import files
from typing import Any, Final, Literal, TypeAlias

from aibs_informatics_aws_lambda.common.files import unwritable_reason, write_atomically
from aibs_informatics_aws_lambda.common.s3 import S3Path
from aibs_informatics_aws_lambda.storage.paths import DataLocation

from ...locations import resolve

Kind: TypeAlias = Literal["stats", "report"]

_DISTRIBUTION: Final = "aibs-informatics-aws-lambda-data-sync"

# The libraries that each page needs, with their licenses: all from npm, as published.
_LIBRARIES: Final[dict[Kind, tuple[str, ...]]] = {
    "stats": ("d3-hierarchy-3.1.3",),
    "report": ("d3-hierarchy-3.1.3", "uPlot-1.6.32"),
}

_PAGE: Final = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="data-sync {version}">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; \
style-src {style_hashes}; script-src {script_hashes}">
<link rel="icon" href="data:,">
<title>{title}</title>
{styles}
</head>
<body>
<noscript>This page draws its tables and charts with JavaScript, which is disabled.</noscript>
<main id="page"></main>
<script type="application/json" id="data">{data}</script>
{scripts}
</body>
</html>
"""


def render_page(kind: Kind, title: str, data: dict[str, Any]) -> str:
    """Return a page as HTML.

    No name in the data can become markup: the data is JSON without ``<``, and scripts make text
    of it. The content security policy allows the scripts of the page alone, and no request.

    Args:
        kind: the kind of page.
        title: the title of the window.
        data: the data that the script of the page shows.
    """
    libraries = _LIBRARIES[kind]
    styles = [_with_license(name, "css") for name in libraries if _has(name, "css")]
    styles.append(_read("page.css"))
    scripts = [_with_license(name, "js") for name in libraries]
    scripts += [_read(name) for name in ("format.js", "components.js", f"{kind}.js")]
    about = {"program": f"data-sync {version(_DISTRIBUTION)}", "created": _now(), **data}
    return _PAGE.format(
        version=html.escape(version(_DISTRIBUTION)),
        title=html.escape(title),
        styles=_elements("style", styles),
        scripts=_elements("script", scripts),
        style_hashes=_hashes(styles),
        script_hashes=_hashes(scripts),
        data=json_in_html(about),
    )


def json_in_html(data: Any) -> str:
    """Return JSON that is safe in an HTML element, in ASCII."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def check_page_location(location: DataLocation) -> None:
    """Raise `ValueError` if it is known in advance that no page can be written to a location."""
    target = resolve(location)
    if isinstance(target, S3Path):
        if not target.key or target.has_folder_suffix():
            raise ValueError(f"cannot write the page to {target}: it names no object")
    elif reason := unwritable_reason(target):
        raise ValueError(f"cannot write the page to {target}: {reason}")


def write_page(location: DataLocation, page: str) -> None:
    """Write a page to a local file or an object.

    Raises:
        OSError: the file cannot be written.
        AWSError: the object cannot be written.
    """
    target = resolve(location)
    if isinstance(target, S3Path):
        from ...s3.client import S3
        from ...s3.requests import put_text

        content_type = {"Content-Type": "text/html; charset=utf-8"}
        S3(1).ask(put_text(target.bucket, target.key, page)._replace(headers=content_type))
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(target, page)


def _elements(tag: str, texts: Iterable[str]) -> str:
    return "\n".join(f"<{tag}>{text}</{tag}>" for text in texts)


def _hashes(texts: Iterable[str]) -> str:
    digests = (hashlib.sha256(text.encode()).digest() for text in texts)
    return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)


def _with_license(name: str, suffix: str) -> str:
    text, terms = _read(f"{name}.min.{suffix}"), _read(f"{name}.LICENSE")
    return f"/*\n{name}, from npm:\n\n{terms}*/\n{text}"


def _has(name: str, suffix: str) -> bool:
    return files(__package__).joinpath("assets", f"{name}.min.{suffix}").is_file()


def _read(name: str) -> str:
    return files(__package__).joinpath("assets", name).read_text(encoding="utf-8")


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
