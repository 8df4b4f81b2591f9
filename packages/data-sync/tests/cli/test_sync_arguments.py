from __future__ import annotations

import re
import shlex
from datetime import UTC, datetime

import pytest
from aibs_informatics_aws_lambda.common.cli.errors import UsageError
from aibs_informatics_aws_lambda.handlers.data_sync.cli import rm
from aibs_informatics_aws_lambda.handlers.data_sync.cli.sync_arguments import make_parser
from aibs_informatics_aws_lambda.handlers.data_sync.cli.sync_request import make_request
from aibs_informatics_aws_lambda.handlers.data_sync.sync.plain_request import PlainRequest
from tables import table

UP, DOWN, WITHIN, LOCAL = "src s3://bkt/d", "s3://bkt/s dst", "s3://bkt/s s3://bkt/d", "src dst"


def request_of(line: str):
    return make_request(make_parser().parse_args(shlex.split(line)))


@table(
    "line, field, value",
    {
        "the first path is the source": (UP, "source_path", "src"),
        "the second path is the destination": (UP, "destination_path", "s3://bkt/d"),
        "nothing is deleted by default": (UP, "delete", False),
        "--delete mirrors": (f"--delete {UP}", "delete", True),
        "the source stays by default": (UP, "retain_source_data", True),
        "--move removes the source": (f"--move {UP}", "retain_source_data", False),
        "a missing source is an error by default": (UP, "fail_if_missing", True),
        "--ignore-missing makes it none": (f"--ignore-missing {UP}", "fail_if_missing", False),
        "files in sync are left alone by default": (UP, "force", False),
        "--force transfers everything": (f"--force {UP}", "force", True),
        "contents count by default": (UP, "size_only", False),
        "--size-only leaves them out": (f"--size-only {UP}", "size_only", True),
        "there is no filter by default": (UP, "filter_config", None),
        "--filter-root is what patterns are relative to": (
            f"--filter-root s3://bkt {UP}",
            "filter_root",
            "s3://bkt",
        ),
        "--source-prefix is cut off": (
            f"--source-prefix s {WITHIN}",
            "source_path_prefix",
            "s",
        ),
        "25 transfers run by default": (UP, "max_concurrency", 25),
        "--max-concurrency changes that": (f"--max-concurrency 3 {UP}", "max_concurrency", 3),
        "a sync is for real by default": (UP, "dry_run", None),
        "--dry-run changes nothing": (f"--dry-run {UP}", "dry_run", True),
        "-n is short for it": (f"-n {UP}", "dry_run", True),
        "existing files are replaced by default": (UP, "existing", None),
        "--update": (f"--update {UP}", "existing", "update"),
        "--ignore-existing": (f"--ignore-existing {UP}", "existing", "ignore"),
        "--immutable": (f"--immutable {UP}", "existing", "immutable"),
        "--checksum": (f"--checksum {UP}", "ignore_times", True),
        "other files are synced after one that fails": (UP, "continue_on_error", True),
        "--fail-fast": (f"--fail-fast {UP}", "continue_on_error", False),
        "--plan is a dry run": (f"--plan p {UP}", "dry_run", True),
        "--verify compares": (f"--verify {UP}", "verify", True),
        "--report names a file": (f"--report r {UP}", "report_path", "r"),
        "any number is deleted by default": (f"--delete {UP}", "max_delete", None),
        "--max-delete takes a number": (f"--delete --max-delete 3 {UP}", "max_delete", 3),
        "--max-delete takes a percentage": (f"--delete --max-delete 5% {UP}", "max_delete", "5%"),
        "--delete keeps what filters leave out": (
            f"--delete --exclude a {UP}",
            "protect_excluded",
            True,
        ),
        "--delete-excluded deletes that too": (
            f"--delete --delete-excluded --exclude a {UP}",
            "protect_excluded",
            None,
        ),
        "without a filter there is nothing to keep": (
            f"--delete {UP}",
            "protect_excluded",
            None,
        ),
        "without --delete there is nothing to keep": (
            f"--exclude a {UP}",
            "protect_excluded",
            None,
        ),
        "a sync has no lock by default": (DOWN, "require_lock", False),
        "--require-lock waits for others": (f"--require-lock {DOWN}", "require_lock", True),
        "--fsync waits for the disk": (f"--fsync {DOWN}", "fsync", True),
        "--switch exchanges folders": (f"--switch {DOWN}", "switch", True),
        "--deadline is in seconds": (f"--deadline 1.5 {UP}", "deadline", 1.5),
        "--inventory lists the source": (
            f"--inventory s3://bkt/manifest.json {DOWN}",
            "inventory",
            "s3://bkt/manifest.json",
        ),
        "there is no deadline by default": (UP, "deadline", None),
    },
)
def test_option_of_a_request(line, field, value):
    found = getattr(request_of(line), field)
    assert (str(found) if field.endswith("_path") else found) == value


@table(
    "options, field, value",
    {
        "--min-size": ("--min-size 1kB", "min_size_bytes", 1000),
        "--max-size": ("--max-size 1KiB", "max_size_bytes", 1024),
        "--newer-than": ("--newer-than 2026-01-31", "modified_after", "2026-01-31T00:00:00+00:00"),
        "--older-than": (
            "--older-than 2026-01-31T12:00+01:00",
            "modified_before",
            "2026-01-31T12:00:00+01:00",
        ),
        "with patterns": ("--exclude-regex x --min-size 1", "exclude", ["x"]),
    },
)
def test_option_of_the_filters(options, field, value):
    found = getattr(request_of(f"{options} {UP}").filter_config, field)
    assert (found.isoformat() if field.startswith("modified") else found) == value


@pytest.mark.parametrize(("age", "seconds"), [("90s", 90), ("1.5h", 5400), ("2w", 14 * 86400)])
def test_age_is_counted_from_now(age, seconds):
    found = request_of(f"--newer-than {age} {UP}").filter_config.modified_after

    assert abs((datetime.now(UTC) - found).total_seconds() - seconds) < 60


def test_filters_and_files_are_read_from_files(tmp_path):
    filters = "# all but drafts\n+ *.csv\n\n- draft\n"
    (tmp_path / "filters").write_text(filters, encoding="utf-8-sig")
    (tmp_path / "files").write_bytes(b"./a b\r\n# comment\n/c\n\xff\n")

    given = f"--filter-from {tmp_path}/filters --include x --files-from {tmp_path}/files"
    request = request_of(f"{given} {UP}")
    config = request.filter_config
    expected = request_of(f"--include '*.csv' --exclude draft --include x {UP}").filter_config

    assert (config.include, config.exclude) == (expected.include, expected.exclude)
    assert request.files_from == tmp_path / "files"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--newer-than soon", "'soon' is neither an age such as 36h or 7d"),
        ("--filter-from missing", "No such file"),
        ("--min-size big", "'big' is not a size"),
    ],
)
def test_invalid_filters_are_refused(options, message):
    with pytest.raises(UsageError, match=message):
        request_of(f"{options} {UP}")


def test_line_without_a_sign_is_refused(tmp_path):
    (tmp_path / "filters").write_text("*.csv\n")
    with pytest.raises(UsageError, match="does not start with"):
        request_of(f"--filter-from {tmp_path}/filters {UP}")


@table(
    "line, settings",
    {
        "uploads have the type of their names": (UP, {"guess_content_type": True}),
        "unless that is not wanted": (f"--no-guess-mime-type {UP}", None),
        "copies keep what their sources have": (WITHIN, {"keep": True}),
        "downloads store no objects": (DOWN, None),
        "options are settings": (
            f"--storage-class GLACIER --sse --metadata a=b=c --metadata d= --tags x=y "
            f"--part-size 16MiB {WITHIN}",
            {
                "part_size": 16 * 2**20,
                "storage_class": "GLACIER",
                "sse": "AES256",
                "metadata": {"a": "b=c", "d": ""},
                "tags": {"x": "y"},
                "keep": True,
            },
        ),
    },
)
def test_settings_of_objects(line, settings):
    request = request_of(line.replace("--sse ", "--sse AES256 "))
    assert request.to_dict().get("object_settings") == settings


def test_staging_folder():
    assert not request_of(DOWN).remote_to_local_config.use_custom_tmp_dir
    config = request_of(f"--staging-folder tmp {DOWN}").remote_to_local_config
    assert config.use_custom_tmp_dir
    assert str(config.custom_tmp_dir) == "tmp"


@table(
    "line, message",
    {
        "a local move does not delete": (f"--move --delete {LOCAL}", "mutually exclusive"),
        "a move that leaves sources does not delete": (
            f"--move --delete --update {UP}",
            "mutually exclusive with --update and --ignore-existing",
        ),
        "--max-delete needs --delete": (f"--max-delete 3 {UP}", "require --delete"),
        "--delete-excluded needs --delete": (f"--delete-excluded {UP}", "require --delete"),
        "--move does nothing on the way down": (f"--move {DOWN}", "--move has no effect"),
        "--require-lock is not for uploads": (f"--require-lock {UP}", "--require-lock is only"),
        "--require-lock is not for copies": (f"--require-lock {WITHIN}", "--require-lock is only"),
        "--require-lock is not for local files": (f"--require-lock {LOCAL}", "--require-lock is"),
        "--source-prefix is not for uploads": (f"--source-prefix s {UP}", "--source-prefix is"),
        "--source-prefix is not for downloads": (f"--source-prefix s {DOWN}", "--source-prefix"),
        "a comparison deletes nothing": (f"--max-delete 3 --verify {UP}", "require --delete"),
        "--storage-class is for S3": (f"--storage-class X {DOWN}", "--storage-class: only for"),
        "--metadata has pairs": (f"--metadata a {UP}", "'a' is not KEY=VALUE"),
        "a plan may not be complete": (f"--switch --plan p {DOWN}", "--plan and --switch"),
        "batches are not switched at once": (f"--switch --jobs 2 {DOWN}", "--jobs and --switch"),
        "--size-only has no checksums": (f"--size-only --checksum {UP}", "mutually exclusive"),
        "--update is not --immutable": (f"--update --immutable {UP}", "not allowed with"),
        "--batch-bytes needs --jobs": (f"--batch-bytes 1MB {UP}", "--batch-bytes requires --jobs"),
        "a list deletes nothing": (f"--delete --files-from l {UP}", "--delete has no effect with"),
        "a plan reads a list again": (f"--plan p --files-from - {UP}", "instead of -"),
        "an inventory lists objects": (f"--inventory m {UP}", "--inventory is only for a source"),
        "--verify is one process": (f"--jobs 2 --verify {UP}", "--verify runs in one process"),
        "--max-delete is a number or a share": (
            f"--delete --max-delete x {UP}",
            "^argument --max-delete: not a number",
        ),
        "headers are ASCII": (
            f"--cache-control é {UP}",
            "^argument --cache-control: not printable ASCII",
        ),
        "metadata is ASCII": (f"--metadata a=é {UP}", "^argument --metadata: not printable ASCII"),
    },
)
def test_option_without_an_effect_is_refused(line, message):
    with pytest.raises(UsageError, match=message):
        request_of(line)


@pytest.mark.parametrize(
    "option",
    [
        "--delete",
        "--force",
        "--move",
        "--backup-dir b",
        "--plan p",
        "--size-only",
        "--checksum",
        "--update",
        "--ignore-existing",
        "--immutable",
    ],
)
def test_option_without_an_effect_on_a_comparison_is_refused(option):
    with pytest.raises(UsageError, match=f"{option.split()[0]} has no effect with --verify"):
        request_of(f"{option} --verify {UP}")


@pytest.mark.parametrize(
    "line",
    [
        f"--delete --max-delete 3 --delete-excluded {UP}",
        f"--delete {DOWN}",
        f"--move {UP}",
        f"--move {WITHIN}",
        f"--move {LOCAL}",
        f"--include a {DOWN}",
        f"--include a {WITHIN}",
        f"--jobs 2 --batch-bytes 1MB {UP}",
        f"--jobs 1 --verify {UP}",
        f"--delete-excluded --exclude a --verify {UP}",
    ],
)
def test_options_that_go_together(line):
    request_of(line)


@table(
    "line, mirrors",
    {
        "a local copy merges": (LOCAL, None),
        "--delete mirrors": (f"--delete {LOCAL}", True),
        "filters are obeyed": (f"--exclude a {LOCAL}", True),
        "S3 needs no leave": (f"--delete --exclude a {UP}", None),
    },
)
def test_local_mirror(line, mirrors):
    assert request_of(line).local_mirror is mirrors


@table(
    "line, variable, expected",
    {
        "by default in the home directory": (UP, "", "/home/me/.cache/data-sync/checksums.sqlite"),
        "between local paths too": (LOCAL, "", "/home/me/.cache/data-sync/checksums.sqlite"),
        "XDG_CACHE_HOME is another folder": (DOWN, "/c", "/c/data-sync/checksums.sqlite"),
        "a relative one is ignored": (UP, "c", "/home/me/.cache/data-sync/checksums.sqlite"),
        "--checksum-cache": (f"--checksum-cache /f {UP}", "", "/f"),
        "--no-checksum-cache": (f"--no-checksum-cache {UP}", "", "None"),
        "--size-only needs none": (f"--size-only {UP}", "", "None"),
        "within S3 there is no file": (WITHIN, "", "None"),
    },
)
def test_checksum_cache(monkeypatch, line, variable, expected):
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("XDG_CACHE_HOME", variable)

    assert str(request_of(line).checksum_cache) == expected


ROLE = "arn:aws:iam::123456789012:role/r"


@table(
    "line, source, destination",
    {
        "none": (WITHIN, None, None),
        "all requests": (f"--profile p --region r-1 {WITHIN}", None, None),
        "a profile": (f"--source-profile p {WITHIN}", {"profile": "p"}, None),
        "a role": (
            f"--destination-role-arn {ROLE} --destination-external-id id {WITHIN}",
            None,
            {"role_arn": ROLE, "external_id": "id"},
        ),
        "both": (
            f"--source-no-sign-request --destination-endpoint-url http://h {WITHIN}",
            {"no_sign_request": True},
            {"endpoint_url": "http://h"},
        ),
        "an endpoint of both": (
            f"--endpoint-url http://h --source-profile p {WITHIN}",
            {"profile": "p", "endpoint_url": "http://h"},
            None,
        ),
    },
)
def test_connection_of_one_side(line, source, destination):
    request = request_of(line).to_dict()
    assert request.get("source_connection") == source
    assert request.get("destination_connection") == destination


@table(
    "line, message",
    {
        "no role": (f"--source-role-arn r {WITHIN}", "argument --source-role-arn: not the ARN"),
        "no role of both": (
            f"--role-arn r {WITHIN}",
            "argument --role-arn: not the ARN of a role",
        ),
        "no region": (f"--source-region r_1 {WITHIN}", "argument --source-region: not a region"),
        "a local source": (f"--source-profile p {UP}", "require a source in S3"),
        "a local destination": (f"--destination-region r-1 {DOWN}", "require a destination in"),
    },
)
def test_invalid_connection_of_one_side_is_refused(line, message):
    with pytest.raises(UsageError, match=message):
        request_of(line)


@pytest.mark.parametrize(
    ("arguments", "fields"),
    [
        (["--bandwidth", "50MB"], {"bandwidth": 50_000_000}),
        (["--bandwidth", "1MiB"], {"bandwidth": 2**20}),
        (["--requests-per-second", "0.5"], {"requests_per_second": 0.5}),
        (["--retries", "0"], {"retries": 0}),
    ],
)
def test_limits_are_request_fields(arguments, fields):
    options = make_parser().parse_args([*arguments, "a", "b"])

    request = make_request(options)

    assert {name: getattr(request, name) for name in fields} == fields


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--bandwidth", "0", "'0' is not a rate of at least 1kB per second, such as 50MB or 1GiB"),
        ("--bandwidth", "10", "'10' is not a rate of at least 1kB per second"),
        ("--filter-from", "nothing", "argument --filter-from: nothing: No such file or directory"),
        ("--bandwidth", "fast", "'fast' is not a size such as 500MB or 16GiB"),
        ("--requests-per-second", "0", "'0' is not a positive number"),
        ("--retries", "51", "'51' is not an integer from 0 to 50"),
    ],
)
def test_limit_that_is_none_is_refused(option, value, message):
    with pytest.raises(UsageError, match=re.escape(message)):
        make_parser().parse_args([option, value, "a", "b"])


@table(
    "line, message",
    {
        "-r": (f"-r {UP}", "unrecognized arguments: -r: a sync includes subfolders"),
        "--recursive": (f"--recursive {UP}", "--recursive: a sync includes subfolders"),
        "several sources": (
            "a b c s3://bkt/d",
            "unrecognized arguments: c s3://bkt/d: a sync has one SRC and one DST; data-sync cp "
            "takes more sources",
        ),
        "a misspelt option": (f"--delte {UP}", "--delte; did you mean --delete?"),
    },
)
def test_mistake_of_those_who_come_from_other_commands_has_a_hint(line, message):
    with pytest.raises(UsageError, match=re.escape(message)):
        make_parser().parse_args(shlex.split(line))


def test_unknown_letter_after_a_flag_is_named():
    with pytest.raises(UsageError, match=r"^unrecognized arguments: -f; use --yes"):
        rm.make_parser().parse_args(["-rf", "data"])


@table(
    "line, is_plain",
    {
        "what was parsed needs no model": (
            f"--delete -n --update --retries 3 --report r.jsonl --max-concurrency 7 {UP}",
            True,
        ),
        "locations in S3 are parsed": (f"--report s3://bkt/r --backup-dir s3://bkt/b {UP}", True),
        "a share has rules of its own": (f"--delete --max-delete 5% {UP}", False),
        "so has a setting of objects": (f"--storage-class GLACIER {UP}", False),
        "so has a connection": (f"--destination-region us-west-2 {UP}", False),
        "patterns are parsed": (f"--include *.csv --exclude b {UP}", True),
        "limits of sizes are not": (f"--min-size 5MB {UP}", False),
    },
)
def test_request_is_a_model_where_the_parser_does_not_validate_it(line, is_plain):
    assert isinstance(request_of(line), PlainRequest) == is_plain


@pytest.mark.parametrize("option", ["--checksum-cache", "--staging-folder"])
def test_option_for_a_local_path_refuses_an_s3_uri(option):
    with pytest.raises(UsageError, match="not an EFS path or a local path, but an S3 URI"):
        request_of(f"{option} s3://bkt/key {DOWN}")
