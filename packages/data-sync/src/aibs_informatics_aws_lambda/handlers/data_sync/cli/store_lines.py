"""Lines on stdout of a sync that is shown by store: with ``--stores``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from aibs_informatics_aws_lambda.common.s3 import S3_SCHEME
from aibs_informatics_aws_lambda.storage.quoted_names import unquote_name

from ..sync.plan_file import Planned, PlannedAction
from ..sync.report import CHANGES
from ..sync.request import SyncRequest
from .actions import DIFFERENCES, ActionLines
from .output import format_count, format_size, print_lines


@contextmanager
def report_by_store(request: SyncRequest) -> Iterator[tuple[SyncRequest, Path]]:
    """Give a request with a temporary report, and the path of this report."""
    with TemporaryDirectory(prefix="data-sync-") as folder:
        path = Path(folder, "report.jsonl")
        yield request.model_copy(update={"report_path": path}), path


def print_report(path: Path) -> None:
    """Print what a report says, unless the sync has failed before it wrote one."""
    if path.exists():
        with path.open(encoding="ascii") as lines:
            print_lines(format_report(lines))


def format_report(lines: Iterable[str]) -> Iterator[str]:
    """Yield the lines that show a report: one for each store, and for each change elsewhere."""
    actions = ActionLines()
    for text in lines:
        line = json.loads(text)
        action = line["action"]
        if action == "store":
            name = actions.shown(unquote_name(line["path"]))
            yield f"store {name} ({_what(line)}): {_done(line)}"
            yield from (f"  {note}" for note in line.get("notes", ()))
        elif action == "check":
            yield from _check(line, actions)
        elif action in CHANGES and "error" not in line:
            yield actions.format(_planned(line))
        elif action in DIFFERENCES:
            name = line["destination"] if action == "extra" else line["source"]
            yield f"{action} {actions.shown(unquote_name(name))}"


def _check(line: Mapping[str, Any], actions: ActionLines) -> Iterator[str]:
    """Yield what is found about an array or table, if there is anything to say."""
    name = actions.shown(unquote_name(line["path"])) if "path" in line else "stores"
    one_sided = line.get("missing", 0) + line.get("extra", 0)
    if one_sided:
        examples, more = line["examples"], one_sided - len(line["examples"])
        listed = "; ".join([*examples, f"{more:,} more"] if more else examples)
        yield (
            f"check {name}: {one_sided:,} of {line['promised']:,} promised files are on one side "
            f"only: {listed}"
        )
    yield from (f"damaged {actions.shown(fault)}" for fault in line.get("damaged", ()))
    if "not_checked" in line:
        yield f"check {name}: not checked: {line['not_checked']}"


def _what(store: Mapping[str, Any]) -> str:
    kind = " ".join(filter(None, (store["kind"], store.get("version"))))
    return f"{kind}, {format_count(store['files'])}, {format_size(store['size'])}"


def _done(store: Mapping[str, Any]) -> str:
    """Return what is done with a store: ``transfer 3 (1.5 KiB), 20 unchanged; appended``."""
    size = format_size(store.get("bytes_transferred") or 0)
    parts = (
        _PHRASES.get(action, f"{{}} {action}").format(f"{count:,}", size)
        for action, count in store["actions"].items()
    )
    return "; ".join(filter(None, (", ".join(parts), store.get("change"))))


_PHRASES: Final = {
    "transfer": "transfer {} ({})",
    "keep": "{} unchanged",
    "delete": "delete {}",
    "remove": "remove {} at the source",
    "missing": "{} missing at the destination",
    "extra": "{} only at the destination",
}


def _planned(line: Mapping[str, Any]) -> Planned:
    source, target = (
        line[side] and unquote_name(line[side]) if side in line else None
        for side in ("source", "destination")
    )
    reasons = {"delete": "extraneous", "remove": "moved"}
    reason = reasons.get(line["action"], line.get("reason", ""))
    return Planned(_action(line["action"], source, target), reason, source, target, line["size"])


def _action(action: str, source: str | None, target: str | None) -> PlannedAction:
    if action == "delete":
        return "delete"
    if action == "remove":
        return "remove"
    from_s3, to_s3 = (bool(name and name.startswith(S3_SCHEME)) for name in (source, target))
    if from_s3 == to_s3:
        return "copy"
    return "download" if from_s3 else "upload"
