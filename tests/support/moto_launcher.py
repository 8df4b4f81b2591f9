"""moto's server, with an address that stores many objects in one request.

``POST /moto-api/objects?bucket=NAME&age=SECONDS`` takes a JSON object of keys and contents in
base64. A thousand requests of PutObject take seconds, and S3 tells the age of an object in whole
seconds, which a test would have to wait for.
"""

from __future__ import annotations

import base64
import json
import sys
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import moto.server
from moto import backends
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.moto_api._internal import urls
from moto.s3.models import s3_backends


def store(request: Any, full_url: str, _: Any) -> tuple[int, dict[str, str], str]:
    """Store objects as PutObject did so many seconds ago."""
    query = parse_qs(urlsplit(full_url).query)
    [bucket], [age] = query["bucket"], query["age"]
    backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
    for key, content in json.loads(request.data).items():
        stored = backend.put_object(bucket, key, base64.b64decode(content))
        stored.last_modified -= timedelta(seconds=float(age))
    return 201, {}, ""


def remember_services() -> None:
    """Let moto look for the folders of its services once, and not twice in each request."""
    names = list(backends.list_of_moto_modules())
    vars(backends)["list_of_moto_modules"] = lambda: names


if __name__ == "__main__":
    remember_services()
    addresses: dict[str, Any] = urls.url_paths
    addresses["{0}/moto-api/objects"] = store
    moto.server.main(sys.argv[1:])
