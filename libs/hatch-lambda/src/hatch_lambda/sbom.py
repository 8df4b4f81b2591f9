"""Make the SBOM (software bill of source) of an archive, in CycloneDX 1.6."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from packaging.metadata import RawMetadata

    from .archive import Entry
    from .distributions import Distribution
    from .platforms import Platform

_TOOLS = ("hatch-lambda", "hatchling", "uv")
_MAX_LICENSE_NAME_LENGTH = 100


@dataclass(frozen=True)
class SbomSource:
    """The contents of an archive, from which its SBOM is made.

    Attributes:
        project: Name of the project.
        features: Installed extras of the project.
        platform: Platform of the archive.
        sha256: SHA-256 of the archive.
        entries: Files of the archive.
        owners: Name of the distribution of each file, by path.
        distributions: Distributions in the archive.
        local: Names of the distributions built from the workspace.
        wheel_hashes: SHA-256 of the wheels, where known, by name of the distribution.
        properties: Options and results of the build, by name.
    """

    project: str
    features: Collection[str]
    platform: Platform
    sha256: str
    entries: Sequence[Entry]
    owners: Mapping[str, str]
    distributions: Sequence[Distribution]
    local: Collection[str]
    wheel_hashes: Mapping[str, str]
    properties: Mapping[str, str]


def make_sbom(source: SbomSource) -> dict[str, Any]:
    """Make the SBOM of an archive.

    It has no timestamp and no serial number, because identical archives must have identical SBOMs.

    Args:
        source: Contents of the archive.

    Returns:
        The SBOM as a JSON document.
    """
    components = {item.name: _component(item, source) for item in source.distributions}
    archive = components.pop(source.project)
    archive["type"] = "application"
    archive["hashes"] = _sha256(source.sha256)
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "lifecycles": [{"phase": "build"}],
            "tools": {"components": [_tool(name) for name in _TOOLS]},
            "component": archive,
            "properties": _properties(source.properties),
        },
        "components": list(components.values()),
        "dependencies": _dependencies(source),
    }


def licenses(metadata: RawMetadata) -> list[dict[str, Any]]:
    """Return the licenses of a distribution, as CycloneDX objects.

    Args:
        metadata: Core metadata of the distribution.

    Returns:
        The SPDX expression, else the license name, else the names in the classifiers.
    """
    text = metadata.get("license_expression") or metadata.get("license", "").strip()
    try:
        return [{"expression": str(canonicalize_license_expression(text))}]
    except InvalidLicenseExpression:
        # Some distributions have the whole text of the license in this field.
        is_name = 0 < len(text) <= _MAX_LICENSE_NAME_LENGTH and "\n" not in text
    names = [text] if is_name else _license_classifiers(metadata.get("classifiers", []))
    return [{"license": {"name": name}} for name in names]


def _license_classifiers(classifiers: Iterable[str]) -> list[str]:
    return [
        classifier.rpartition(" :: ")[2]
        for classifier in classifiers
        if classifier.startswith("License :: ")
    ]


def _component(distribution: Distribution, source: SbomSource) -> dict[str, Any]:
    digest = source.wheel_hashes.get(distribution.name)
    terms = licenses(distribution.metadata)
    summary = distribution.metadata.get("summary")
    origin = "workspace" if distribution.name in source.local else "index"
    return {
        "type": "library",
        "bom-ref": _purl(distribution),
        "name": distribution.name,
        "version": distribution.version,
        **({"description": summary} if summary else {}),
        **({"hashes": _sha256(digest)} if digest else {}),
        **({"licenses": terms} if terms else {}),
        "purl": _purl(distribution),
        "properties": _properties({"origin": origin}),
        "components": list(_files(distribution.name, source)),
    }


def _files(name: str, source: SbomSource) -> Iterator[dict[str, Any]]:
    for entry in source.entries:
        if source.owners[entry.path] == name:
            yield {"type": "file", "name": entry.path, "hashes": _sha256(entry.sha256)}


def _dependencies(source: SbomSource) -> list[dict[str, Any]]:
    present = {item.name: item for item in source.distributions}
    needs: dict[str, set[str]] = {name: set() for name in present}
    pending = [(source.project, frozenset(source.features))]
    seen = set(pending)
    while pending:
        name, extras = pending.pop()
        for requirement in present[name].requirements:
            needed = canonicalize_name(requirement.name)
            if needed not in present or not source.platform.applies(requirement, extras):
                continue
            needs[name].add(_purl(present[needed]))
            step = (needed, frozenset(requirement.extras))
            if step not in seen:
                seen.add(step)
                pending.append(step)
    return [
        {"ref": _purl(present[name]), "dependsOn": sorted(refs)} for name, refs in needs.items()
    ]


def _purl(distribution: Distribution) -> str:
    return f"pkg:pypi/{distribution.name}@{quote(distribution.version, safe='')}"


def _tool(name: str) -> dict[str, str]:
    return {"type": "application", "name": name, "version": version(name)}


def _sha256(digest: str) -> list[dict[str, str]]:
    return [{"alg": "SHA-256", "content": digest}]


def _properties(values: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"name": f"hatch-lambda:{name}", "value": value} for name, value in values.items()]
