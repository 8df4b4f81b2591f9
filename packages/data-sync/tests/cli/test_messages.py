"""Format of errors and counts."""

from __future__ import annotations

import json
from importlib import import_module

import pytest
from aibs_informatics_aws_lambda.common.cli.errors import UsageError
from aibs_informatics_aws_lambda.common.exceptions import AWSError
from aibs_informatics_aws_lambda.handlers.data_sync.cli.arguments import MODULES, parse_size
from aibs_informatics_aws_lambda.handlers.data_sync.cli.messages import (
    format_error,
    is_self_explanatory,
)
from aibs_informatics_aws_lambda.handlers.data_sync.cli.summary import Requests, format_counts
from aibs_informatics_aws_lambda.storage.data_sync import DataSyncCounts

PACKAGE = "aibs_informatics_aws_lambda.handlers.data_sync.cli"


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (PermissionError(13, "Permission denied", "/data/a"), "/data/a: Permission denied"),
        (OSError(24, "Many", "/a"), "/a: Many. Raise the limit (ulimit -n)"),
        (FileNotFoundError("there is nothing at x"), "there is nothing at x"),
        (AWSError("cannot list\n s3://b/"), "cannot list s3://b/"),
        (ValueError("max_delete allows 1"), "--max-delete allows 1"),
        (
            ValueError("3 objects would be deleted at /data/max_delete: max_delete allows 1"),
            "3 objects would be deleted at /data/max_delete: --max-delete allows 1",
        ),
        (
            FileNotFoundError("/set fail_if_missing: false: or set fail_if_missing: false"),
            "/set fail_if_missing: false: or use --ignore-missing",
        ),
        (KeyError("x"), "KeyError: 'x'"),
        (RuntimeError(), "RuntimeError"),
    ],
)
def test_error_is_one_line_and_names_its_type_unless_its_message_is_for_users(error, text):
    assert format_error(error) == text
    assert is_self_explanatory(error) == isinstance(error, ValueError | OSError)


@pytest.mark.parametrize(
    ("line", "advice"),
    [
        ("ls -t .", "unrecognized arguments: -t; use --sort time (see"),
        ("ls -lS .", "unrecognized arguments: -S; use --sort size"),
        ("ls -R .", "; use -r"),
        ("ls -la .", ": all files are included, leave it out"),
        ("ls -alh .", ": all files are included, leave it out"),
        ("ls --summarize .", ": data-sync stats shows totals, leave it out"),
        ("du -sh .", ": the last line is the total, leave it out"),
        ("rm -rf x", "unrecognized arguments: -f; use --yes"),
        ("cp -a x y", "; use -r --preserve"),
        ("cp -R x y", "; use -r"),
        ("sync --only-show-errors x y", "; use --quiet"),
        ("sync --no-progress x y", "; use --quiet"),
        ("sync --transfers=8 x y", "; use --max-concurrency"),
        ("sync -P x y", ": progress is shown on a terminal, leave it out"),
        ("sync -r x y", ": a sync includes subfolders, leave it out"),
        ("sync --dryrun x y", "; did you mean --dry-run?"),
        ("cat -t x", "unrecognized arguments: -t (see"),
        (
            "sync delete s3://bucket/x",
            "delete is neither a verb nor a file or folder; did you mean rm?",
        ),
        ("sync mirror x y", "did you mean sync --delete?"),
        ("sync help", "did you mean --help?"),
    ],
)
def test_options_of_other_commands_get_advice(line, advice):
    verb, *arguments = line.split()
    parser = import_module(f"{PACKAGE}.{MODULES[verb]}").make_parser()
    with pytest.raises(UsageError) as refused:
        parser.parse_args(arguments)
    assert advice in str(refused.value)


@pytest.mark.parametrize("verb", ["ls", "stats", "du"])
def test_short_option_for_readable_sizes(verb, capsys):
    parser = import_module(f"{PACKAGE}.{MODULES[verb]}").make_parser()

    assert parser.parse_args([".", "-h"]).human
    assert parser.parse_args(["-vh", "."]).human
    assert not parser.parse_args(["."]).human
    with pytest.raises(SystemExit) as ended:
        parser.parse_args(["-h"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("usage: ")


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (
            "the source s3://b/*.csv does not exist: correct the path, or set fail_if_missing: "
            "false",
            "the source s3://b/*.csv does not exist, and wildcards are not expanded here: use "
            "--include GLOB, or cp",
        ),
        (
            "removing the source would lose the data. Set retain_source_data: true",
            "removing the source would lose the data. Copy instead of moving",
        ),
        (
            "cannot stage the object in /x: no such directory. Make it, or set custom_tmp_dir",
            "cannot stage the object in /x: no such directory. Make it, or choose another "
            "--staging-folder",
        ),
        (
            "source_path_prefix 'a' is not a prefix of the key of 's3://b/c'",
            "--source-prefix 'a' is not a prefix of the key of 's3://b/c'",
        ),
        (
            "switch and skip_archived are mutually exclusive: the new tree would not be complete",
            "--switch and --skip-archived are mutually exclusive: the new tree would not be "
            "complete",
        ),
        (
            "/a is not below the filter_root /b, to which the paths of files_from are relative",
            "/a is not below the --filter-root /b, "
            "to which the paths of --files-from are relative",
        ),
        (
            "Choose another, or set delete: false and retain_source_data: true",
            "Choose another, or neither delete nor move files",
        ),
        (
            "leave out the inventory, or set retain_source_data: true",
            "leave out --inventory or --move",
        ),
        ("leave out backup_path", "leave out --backup-dir"),
        (
            "cannot read the AWS configuration: no such profile. Check AWS_PROFILE.",
            "cannot read the AWS configuration: no such profile. Check --profile or AWS_PROFILE, "
            "and ~/.aws/config",
        ),
    ],
)
def test_advice_names_options_instead_of_fields_of_requests(message, text):
    assert format_error(ValueError(message)) == text


@pytest.mark.parametrize("verb", ["cp", "mv"])
@pytest.mark.parametrize(
    ("message", "text"),
    [
        ("x does not exist: correct the path, or set fail_if_missing: false", "correct the path"),
        (
            "archived. Nothing was changed. To sync all other objects, set skip_archived: true",
            "Nothing was changed",
        ),
    ],
)
def test_advice_names_no_option_that_the_verb_lacks(verb, message, text):
    assert format_error(ValueError(message), verb).endswith(text)


def test_error_of_a_removal_names_each_path_once():
    assert format_error(PermissionError(13, "cannot remove a: Permission denied")) == (
        "cannot remove a: Permission denied"
    )
    assert format_error(PermissionError(13, "cannot remove a: Permission denied", "deep")) == (
        "cannot remove a: Permission denied: deep"
    )


@pytest.mark.parametrize("verb", ["verify", "plan"])
def test_help_of_a_verb_is_its_own(verb):
    text = import_module(f"{PACKAGE}.{MODULES[verb]}").make_parser().format_help()

    assert text.startswith(f"usage: data-sync {verb} [options] SRC DST\n")
    assert f"examples:\n  data-sync {verb} " in text


def test_help_of_mv_has_only_what_mv_does():
    text = import_module(f"{PACKAGE}.mv").make_parser().format_help()
    examples = text.partition("examples:\n")[2].partition("\n\n")[0]

    assert [line.split()[-1].startswith("s3://") for line in examples.splitlines()] == [True] * 4
    assert "stdout" not in text
    assert "copying" not in text


def test_failure_is_a_line_of_json_with_json(run):
    missing = run("ls", "--json", "missing")
    invalid = run("ls", "--json", "--recursiv")

    assert json.loads(missing.stderr) == {
        "error": "missing: No such file or directory",
        "type": "FileNotFoundError",
        "exit_status": 1,
    }
    assert json.loads(invalid.stderr)["error"].startswith(
        "unrecognized arguments: --recursiv; did you mean --recursive? (see"
    )


def test_log_lines_are_json_on_request(run, disk, aws):
    aws.make_bucket()
    disk.write({"data/a": "a"})

    result = run("--log-format", "json", "--include", "x", "data", "s3://bucket/data/")

    line = json.loads(result.stderr)
    assert (line["level"], line["program"]) == ("warning", "data-sync")
    assert line["message"] == "the filters match no file at data"


@pytest.mark.parametrize("verb", ["cp", "mv", "ls", "cat", "stats", "stale", "rm", "apply"])
def test_help_of_a_verb_fits_a_screen(verb):
    module = import_module(f"{PACKAGE}.{MODULES[verb]}")

    assert module.make_parser().format_help().count("\n") <= 50


@pytest.mark.parametrize(
    ("counts", "text"),
    [
        ({}, "0 files transferred in 2.0 s, 0 unchanged"),
        (
            {"files_transferred": 1, "bytes_transferred": 4096, "files_unchanged": 5000},
            "1 file (4.0 KiB) transferred in 2.0 s (2.0 KiB/s), 5,000 unchanged",
        ),
        (
            {"files_deleted": 2, "files_removed": 3},
            "0 files transferred in 2.0 s, 0 unchanged, 2 deleted at the destination, "
            "3 removed at the source",
        ),
    ],
)
def test_counts_are_one_line(counts, text):
    assert format_counts(DataSyncCounts(**counts), seconds=2) == text


@pytest.mark.parametrize(
    ("by_operation", "text"),
    [
        (False, ", 1,201 requests"),
        (True, ", 1,201 requests (1,200 GetObject, 1 ListObjectsV2)"),
    ],
)
def test_counts_end_in_the_number_of_requests(by_operation, text):
    requests = Requests({"ListObjectsV2": 1, "GetObject": 1200}, by_operation)

    line = format_counts(DataSyncCounts(), 2, requests)

    assert line == f"0 files transferred in 2.0 s, 0 unchanged{text}"


@pytest.mark.parametrize(
    ("text", "size"),
    [("10", 10), ("1kB", 1000), ("1.5GiB", 3 * 2**29), ("500 MB", 500_000_000)],
)
def test_sizes_have_decimal_and_binary_units(text, size):
    assert parse_size(text) == size
