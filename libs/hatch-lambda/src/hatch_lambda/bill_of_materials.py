"""Describing an archive as a CycloneDX 1.6 bill of materials."""

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
_LONGEST_LICENCE_NAME = 100


@dataclass(frozen=True)
class Materials:
    """All there is to say about an archive.

    Attributes:
        project: Name of the project it was made of.
        features: Extras of the project in it.
        platform: What it is for.
        sha256: Hash of the archive.
        entries: Its files.
        owners: Name of the distribution of each file, by path.
        distributions: Distributions in it.
        local: Names of those that were built here.
        wheel_hashes: SHA-256 of the wheel of each distribution, where known, by name.
        properties: Further facts by name.
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


def describe(materials: Materials) -> dict[str, Any]:
    """Make the bill of materials of an archive.

    It has neither time nor serial number, so that equal archives have equal ones.

    Args:
        materials: What is known about the archive.

    Returns:
        The document, ready for JSON.
    """
    components = {item.name: _component(item, materials) for item in materials.distributions}
    archive = components.pop(materials.project)
    archive["type"] = "application"
    archive["hashes"] = _sha256(materials.sha256)
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "lifecycles": [{"phase": "build"}],
            "tools": {"components": [_tool(name) for name in _TOOLS]},
            "component": archive,
            "properties": _properties(materials.properties),
        },
        "components": list(components.values()),
        "dependencies": _dependencies(materials),
    }


def licences(metadata: RawMetadata) -> list[dict[str, Any]]:
    """Say under which licences a distribution is.

    Args:
        metadata: Its core metadata.

    Returns:
        Its SPDX expression, else the name it gives, else those of its classifiers.
    """
    text = metadata.get("license_expression") or metadata.get("license", "").strip()
    try:
        return [{"expression": str(canonicalize_license_expression(text))}]
    except InvalidLicenseExpression:
        # Some put the whole text of the licence there.
        is_name = 0 < len(text) <= _LONGEST_LICENCE_NAME and "\n" not in text
    names = [text] if is_name else _classified(metadata.get("classifiers", []))
    return [{"license": {"name": name}} for name in names]


def _classified(classifiers: Iterable[str]) -> list[str]:
    return [
        classifier.rpartition(" :: ")[2]
        for classifier in classifiers
        if classifier.startswith("License :: ")
    ]


def _component(distribution: Distribution, materials: Materials) -> dict[str, Any]:
    digest = materials.wheel_hashes.get(distribution.name)
    terms = licences(distribution.metadata)
    summary = distribution.metadata.get("summary")
    origin = "workspace" if distribution.name in materials.local else "index"
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
        "components": list(_files(distribution.name, materials)),
    }


def _files(name: str, materials: Materials) -> Iterator[dict[str, Any]]:
    for entry in materials.entries:
        if materials.owners[entry.path] == name:
            yield {"type": "file", "name": entry.path, "hashes": _sha256(entry.sha256)}


def _dependencies(materials: Materials) -> list[dict[str, Any]]:
    present = {item.name: item for item in materials.distributions}
    needs: dict[str, set[str]] = {name: set() for name in present}
    pending = [(materials.project, frozenset(materials.features))]
    seen = set(pending)
    while pending:
        name, extras = pending.pop()
        for requirement in present[name].requirements:
            needed = canonicalize_name(requirement.name)
            if needed not in present or not materials.platform.applies(requirement, extras):
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


def _properties(facts: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"name": f"hatch-lambda:{name}", "value": value} for name, value in facts.items()]
