"""The report of a replication, as JSON or text."""

from collections.abc import Iterator

from aibs_informatics_aws_lambda.common.json_io import JSONObject

from .manifest import Descriptor, Manifest
from .replication import Plan, Report

_UNITS = ("B", "KiB", "MiB", "GiB")


def as_document(report: Report, source: str, target: str, is_dry_run: bool) -> JSONObject:
    """Return a report as a JSON object.

    Args:
        report: the report.
        source: the source image.
        target: the destination repository.
        is_dry_run: whether nothing was copied.

    Returns:
        ``source``, ``destination`` (by digest), ``digest``, ``tags``, ``dry_run``; ``manifests``,
        each with ``digest``, ``media_type``, ``role`` (``index``, ``image``, ``attestation`` or
        ``referrer``) and, if it has one, ``platform``; ``blobs``, each with ``digest``, ``size``
        in bytes and ``state`` (``present`` before the copy, ``moved`` for transferred,
        ``mounted``, or in a dry run ``missing``); ``bytes_moved``, the bytes transferred.
    """
    plan = report.plan
    states = {blob.digest: "missing" for blob in report.missing}
    states |= {
        transfer.blob.digest: "mounted" if transfer.is_mounted else "moved"
        for transfer in report.transfers
    }
    return {
        "source": source,
        "destination": f"{target}@{plan.root.digest}",
        "digest": str(plan.root.digest),
        "tags": [str(tag) for tag in report.tags],
        "dry_run": is_dry_run,
        "manifests": list(_manifests(plan)),
        "blobs": [
            {
                "digest": str(blob.digest),
                "size": blob.size,
                "state": states.get(blob.digest, "present"),
            }
            for blob in plan.blobs
        ],
        "bytes_moved": report.bytes_copied,
    }


def as_text(document: JSONObject) -> str:
    """Return the document of `as_document` as lines of text."""
    rows = [
        ("Would copy" if document["dry_run"] else "Copied", document["source"]),
        ("to", document["destination"]),
        ("tags", ", ".join(document["tags"]) or "none (set them with DESTINATION:TAG or --tag)"),
        *(
            (manifest["role"], f"{manifest['digest']} {manifest.get('platform', '')}".rstrip())
            for manifest in document["manifests"]
        ),
        ("blobs", _blobs(document)),
    ]
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows)


def format_size(size: int) -> str:
    """Return a number of bytes in a readable unit."""
    amount, unit = float(size), _UNITS[0]
    for unit in _UNITS:
        if amount < 1024 or unit == _UNITS[-1]:
            break
        amount /= 1024
    return f"{amount:.0f} {unit}" if unit == _UNITS[0] else f"{amount:.1f} {unit}"


def _manifests(plan: Plan) -> Iterator[JSONObject]:
    listed = {child.digest: child for manifest in plan.manifests for child in manifest.children}
    about = {manifest.digest for manifest, _ in plan.referrers}
    for manifest in dict.fromkeys(plan.manifests):
        entry = listed.get(manifest.digest)
        platform = {"platform": str(entry.platform)} if entry and entry.platform else {}
        yield {
            "digest": str(manifest.digest),
            "media_type": manifest.media_type,
            "role": "referrer" if manifest.digest in about else _role(manifest, entry),
            **platform,
        }


def _role(manifest: Manifest, entry: Descriptor | None) -> str:
    if manifest.is_index:
        return "index"
    return "attestation" if entry and entry.attests else "image"


def _blobs(document: JSONObject) -> str:
    sizes: dict[str, list[int]] = {}
    for blob in document["blobs"]:
        sizes.setdefault(blob["state"], []).append(blob["size"])
    parts = [
        f"{len(sizes[state])} {words} ({format_size(sum(sizes[state]))})"
        for state, words in (
            ("missing", "to copy"),
            ("moved", "copied"),
            ("mounted", "mounted"),
            ("present", "already present"),
        )
        if state in sizes
    ]
    return ", ".join(parts) or "none"
