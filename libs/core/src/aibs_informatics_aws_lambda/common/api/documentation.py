"""Pages of the local server that show an API: Swagger UI and ReDoc, without a request elsewhere.

Their scripts are in the package ``fastapi-offline``, of the extra ``serve``. FastAPI itself is not
imported.
"""

import mimetypes
from functools import cache
from html import escape
from importlib.util import find_spec
from pathlib import Path

from .integrations import HttpResponse

DOCUMENT_PATH = "/openapi.json"
SWAGGER_PATH = "/docs"
REDOC_PATH = "/redoc"

_ASSETS_PATH = "/docs/assets/"
_ASSETS = ("redoc.standalone.js", "swagger-ui-bundle.js", "swagger-ui.css")
_PACKAGE = "fastapi_offline"

_HEAD = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
"""

_SWAGGER = f"""\
{_HEAD}<link rel="stylesheet" href="{_ASSETS_PATH}swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="{_ASSETS_PATH}swagger-ui-bundle.js"></script>
<script>
SwaggerUIBundle({{{{url: "{DOCUMENT_PATH}", dom_id: "#swagger-ui", deepLinking: true}}}});
</script>
</body>
</html>
"""

_REDOC = f"""\
{_HEAD}<style>body {{{{ margin: 0; }}}}</style>
</head>
<body>
<redoc spec-url="{DOCUMENT_PATH}"></redoc>
<script src="{_ASSETS_PATH}redoc.standalone.js"></script>
</body>
</html>
"""

_PAGES = {SWAGGER_PATH: _SWAGGER, REDOC_PATH: _REDOC}

# Nothing of another host is loaded, whatever a script or a document refers to.
_POLICY = (
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; "
    "script-src 'self' 'unsafe-inline'; worker-src 'self' blob:"
)


def find_page(path: str, title: str) -> HttpResponse | None:
    """Return a page or a file of one, or `None` if the path is that of neither.

    Args:
        path: the path of the request.
        title: the title of the API.
    """
    asset = path.removeprefix(_ASSETS_PATH)
    is_asset = path.startswith(_ASSETS_PATH) and asset in _ASSETS
    if path not in _PAGES and not is_asset:
        return None
    folder = _find_assets()
    if folder is None:
        text = "This page requires fastapi-offline: pip install '{}[serve]'\n"
        return _response(404, "text/plain", text.format("aibs-informatics-aws-lambda-core"))
    if is_asset:
        content_type = mimetypes.guess_type(asset)[0] or "application/octet-stream"
        return _response(200, content_type, (folder / asset).read_bytes())
    return _response(200, "text/html; charset=utf-8", _PAGES[path].format(title=escape(title)))


@cache
def _find_assets() -> Path | None:
    spec = find_spec(_PACKAGE)
    locations = spec.submodule_search_locations if spec else None
    return Path(next(iter(locations)), "static") if locations else None


def _response(status: int, content_type: str, content: str | bytes) -> HttpResponse:
    headers = [("Content-Type", content_type), ("Content-Security-Policy", _POLICY)]
    return HttpResponse(status, headers, content.encode() if isinstance(content, str) else content)
