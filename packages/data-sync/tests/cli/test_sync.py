"""Options, output and exit status of a sync."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.common.cli.errors import UsageError
from aibs_informatics_aws_lambda.handlers.data_sync.cli.sync_arguments import make_parser
from aibs_informatics_aws_lambda.handlers.data_sync.cli.sync_request import make_request

FILES = {"a.txt": "a", "sub/b.csv": "bb", "sub/deep/c.csv": "ccc"}


@pytest.fixture
def bucket(aws) -> str:
    return aws.make_bucket()


def under(files, folder):
    return {f"{folder}/{name}": content for name, content in files.items()}


def test_folder_is_uploaded_and_downloaded_with_counts_in_the_last_line(run, disk, aws, bucket):
    disk.write(under(FILES, "data"))

    up = run("data", "s3://bucket/data/")
    down = run("s3://bucket/data/", "copy")

    assert (up.returncode, up.stderr) == (0, "")
    assert aws.keys(bucket) == ["data/a.txt", "data/sub/b.csv", "data/sub/deep/c.csv"]
    assert up.stdout.startswith("3 files (6 B) transferred in ")
    assert up.stdout.endswith("/s), 0 unchanged, 4 requests\n")
    assert down.returncode == 0
    assert disk.read("copy") == FILES


def test_second_sync_transfers_nothing(run, disk, bucket):
    disk.write(under(FILES, "data"))
    run("data", "s3://bucket/data/")

    second = run("data", "s3://bucket/data/")

    assert second.stdout.startswith("0 files transferred in ")
    assert second.stdout.endswith(" s, 3 unchanged, 1 request\n")


def test_extraneous_objects_are_deleted_only_with_delete(run, disk, aws, bucket):
    disk.write(under(FILES, "data"))
    aws.put(bucket, "data/extra", "x")

    kept = run("data", "s3://bucket/data/")
    keys = aws.keys(bucket)
    deleted = run("--delete", "data", "s3://bucket/data/")

    assert "data/extra" in keys
    assert "deleted" not in kept.stdout
    assert deleted.stdout.endswith("3 unchanged, 1 deleted at the destination, 2 requests\n")
    assert "data/extra" not in aws.keys(bucket)


def test_dry_run_shows_each_action_and_the_counts_and_changes_nothing(run, disk, aws, bucket):
    disk.write(under(FILES, "data"))
    aws.put(bucket, "data/extra", "x")

    result = run("--delete", "-n", "data", "s3://bucket/data/")

    assert result.stdout == (
        "upload data/a.txt -> s3://bucket/data/a.txt (1 B, missing)\n"
        "upload data/sub/b.csv -> s3://bucket/data/sub/b.csv (2 B, missing)\n"
        "upload data/sub/deep/c.csv -> s3://bucket/data/sub/deep/c.csv (3 B, missing)\n"
        "delete s3://bucket/data/extra (1 B, extraneous)\n"
        "3 files (6 B) would be transferred, 0 unchanged, 1 would be deleted at the destination, "
        "1 request\n"
    )
    assert aws.keys(bucket) == ["data/extra"]


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_filters_that_match_nothing_delete_nothing(run, disk, aws, bucket, jobs):
    disk.write(under(FILES, "data"))
    aws.put(bucket, "data/a.txt", "a")
    options = ["--delete", "--jobs", jobs, "--include", "*.cvs"]

    result = run(*options, "data", "s3://bucket/data/")

    assert result.returncode == 1
    assert "the filters match no file at data, and --delete would delete" in result.stderr
    assert aws.keys(bucket) == ["data/a.txt"]


def test_list_of_files_is_read_from_stdin(script, disk, aws, bucket):
    disk.write(under(FILES, "data"))
    command = [script, "--files-from", "-", "data", "s3://bucket/data/"]

    subprocess.run(command, cwd=disk.root, input=b"sub/b.csv\n", check=True, capture_output=True)

    assert aws.keys(bucket) == ["data/sub/b.csv"]


def test_files_are_selected_by_name_and_size_and_others_are_protected(run, disk, aws, bucket):
    disk.write({**under(FILES, "data"), "list": "a.txt\nsub/b.csv\nmissing\n"})
    aws.put(bucket, "data/a.txt", "old text")
    aws.put(bucket, "data/extra", "x")
    aws.put(bucket, "data/sub/deep/c.csv", "old")

    listed = run("--files-from", "list", "data", "s3://bucket/data/")
    sized = run("--delete", "--max-size", "2", "data", "s3://bucket/data/")

    assert listed.returncode == 4
    assert "data/missing is in the list, but does not exist: correct the list" in listed.stderr
    assert listed.stdout.startswith("2 files (3 B) transferred")
    assert "2 unchanged, 1 deleted" in sized.stdout
    assert aws.get(bucket, "data/sub/deep/c.csv") == b"old"
    assert "data/extra" not in aws.keys(bucket)


@pytest.mark.parametrize("options", [[], ["--jobs", "2", "--batch-bytes", "2"]])
def test_file_that_fails_is_named_and_does_not_end_the_rest(run, disk, aws, bucket, options):
    disk.write(under(FILES, "data"))
    (disk.root / "data/bad").symlink_to("missing")
    aws.put(bucket, "data/extra", "x")

    result = run(*options, "--delete", "data", "s3://bucket/data/")

    assert result.returncode == 4
    assert "data/bad is a dangling symlink" in result.stderr
    assert "1 file not synced, so nothing was deleted" in result.stderr
    assert aws.keys(bucket) == [
        "data/a.txt",
        "data/extra",
        "data/sub/b.csv",
        "data/sub/deep/c.csv",
    ]


def test_public_buckets_need_no_credentials(run, disk, aws, bucket):
    aws.put(bucket, "data/a.csv", "a")
    aws.client("s3").put_object_acl(Bucket=bucket, Key="data/a.csv", ACL="public-read")
    none = {
        "AWS_ACCESS_KEY_ID": "",
        "AWS_SECRET_ACCESS_KEY": "",
        "AWS_EC2_METADATA_DISABLED": "true",
    }

    synced = run("--no-sign-request", "s3://bucket/data/", "data", **none)
    listed = run("ls", "--no-sign-request", "s3://bucket/data/", **none)

    assert (synced.returncode, listed.returncode) == (0, 0), synced.stderr + listed.stderr
    assert disk.read("data") == {"a.csv": "a"}


def test_uploads_and_copies_are_stored_as_options_say(run, disk, aws, bucket):
    disk.write({"data/a.csv": "a"})

    run("--storage-class", "STANDARD_IA", "--metadata", "run=1", "data", "s3://bucket/up/")
    run("cp", "-r", "s3://bucket/up", "s3://bucket/copy")

    found = aws.client("s3").head_object(Bucket=bucket, Key="copy/a.csv")
    assert found["ContentType"] == "text/csv"
    assert (found["StorageClass"], found["Metadata"]) == ("STANDARD_IA", {"run": "1"})


def test_help_fits_two_screens_and_shows_the_rest_on_request(run):
    short, full = run("--help").stdout, run("--help-all").stdout

    assert short.count("\n") <= 96
    assert "--storage-class" not in short
    assert "--storage-class" in full


def test_fail_fast_stops_at_the_first_failure(run, disk, aws, bucket):
    disk.write(under(FILES, "data"))
    (disk.root / "data/bad").symlink_to("missing")

    result = run("--fail-fast", "data", "s3://bucket/data/")

    assert result.returncode == 1
    assert aws.keys(bucket) == []


def test_include_and_exclude_are_repeatable(run, disk, aws, bucket):
    disk.write(under({**FILES, "sub/d.tsv": "d", "e.csv": "e"}, "data"))
    patterns = ("--include", "*.csv", "--include-regex", r".*\.tsv", "--exclude", "deep")

    result = run("data", "s3://bucket/data/", *patterns)

    assert result.returncode == 0, result.stderr
    assert aws.keys(bucket) == ["data/e.csv", "data/sub/b.csv", "data/sub/d.tsv"]


def test_move_removes_the_source_after_the_sync(run, disk, aws, bucket):
    disk.write(under(FILES, "data"))

    result = run("--move", "data", "s3://bucket/data/")

    assert "0 unchanged, 3 removed at the source, " in result.stdout
    assert len(aws.keys(bucket)) == 3
    assert not (disk.root / "data").exists()


def test_max_delete_error_names_the_option(run, disk, aws, bucket):
    disk.write({"data/a": "a"})
    for name in ("x", "y"):
        aws.put(bucket, f"data/{name}", "x")

    result = run("--delete", "--max-delete", "1", "data", "s3://bucket/data/")

    assert result.returncode == 1
    assert "--max-delete allows 1" in result.stderr
    assert aws.keys(bucket) == ["data/x", "data/y"]


def test_delete_keeps_excluded_objects_without_delete_excluded(run, disk, aws, bucket):
    disk.write({"data/a.csv": "a"})
    for name in ("notes.txt", "extra.csv"):
        aws.put(bucket, f"data/{name}", "x")
    options = ("--delete", "--exclude", "*.txt")

    result = run(*options, "data", "s3://bucket/data/")
    assert result.returncode == 0, result.stderr
    assert aws.keys(bucket) == ["data/a.csv", "data/notes.txt"]

    run(*options, "--delete-excluded", "data", "s3://bucket/data/")
    assert aws.keys(bucket) == ["data/a.csv"]


def test_filters_that_match_nothing_are_a_warning(run, disk, bucket):
    disk.write({"data/a.csv": "a"})

    result = run("--include", "*.tsv", "data", "s3://bucket/data/")

    assert result.returncode == 0
    assert "warning: the filters match no file at data" in result.stderr


def test_sync_and_verify_are_verbs(run, disk, aws, bucket):
    disk.write({"data/a": "a"})

    assert run("sync", "data", "s3://bucket/data/").returncode == 0
    assert run("verify", "data", "s3://bucket/data/").returncode == 0
    aws.put(bucket, "data/b", "b")
    assert run("check", "data", "s3://bucket/data/").returncode == 4


def test_endpoint_can_be_an_option(run, disk, aws, bucket, monkeypatch):
    disk.write({"data/a": "a"})
    monkeypatch.delenv("AWS_ENDPOINT_URL")

    result = run("--endpoint-url", aws.url, "data", "s3://bucket/data/")

    assert result.returncode == 0, result.stderr
    assert aws.keys(bucket) == ["data/a"]


def test_version(run):
    result = run("--version")

    assert result.returncode == 0
    assert re.fullmatch(r"data-sync \d+\.\d+\.\d+\n", result.stdout)


def test_verify_names_and_counts_differences_and_changes_nothing(run, disk, aws, bucket):
    disk.write(under(FILES, "data"))
    run("data", "s3://bucket/data/")
    same = run("--verify", "data", "s3://bucket/data/")
    aws.put(bucket, "data/a.txt", "A")
    aws.put(bucket, "data/extra", "x")
    (disk.root / "data/sub/b.csv").rename(disk.root / "data/new.csv")

    other = run("--verify", "data", "s3://bucket/data/")

    assert same.returncode == 0
    assert re.fullmatch(
        "3 files equal, 0 different, 0 missing at the destination, 0 only at the destination "
        r"in \d+\.\d s, 1 request\n",
        same.stdout,
    )
    *named, counts = other.stdout.splitlines()
    assert (other.returncode, counts.partition(" in ")[0]) == (
        4,
        "1 file equal, 1 different, 1 missing at the destination, 2 only at the destination",
    )
    assert sorted(named) == [
        "different data/a.txt",
        "extra s3://bucket/data/extra",
        "extra s3://bucket/data/sub/b.csv",
        "missing data/new.csv",
    ]
    assert len(aws.keys(bucket)) == 4


def test_report_has_a_line_per_file_and_its_path_is_printed(run, disk, bucket):
    disk.write(under(FILES, "data"))

    result = run("--report", "report.jsonl", "data", "s3://bucket/data/")

    assert result.stdout.splitlines()[-1] == "report: report.jsonl"
    lines = (disk.root / "report.jsonl").read_text().splitlines()
    assert {json.loads(line)["action"] for line in lines} == {"transfer"}
    assert len(lines) == 3


# The command with a clock that advances by a second whenever it is read.
FAST_CLOCK = """
import itertools
import sys
from aibs_informatics_aws_lambda.handlers.data_sync.cli.main import main
from aibs_informatics_aws_lambda.handlers.data_sync.sync import deadline

deadline.monotonic = itertools.count().__next__
sys.exit(main())
"""


def test_deadline_stops_the_sync_and_the_same_command_continues(run, run_command, disk, bucket):
    disk.write({f"data/{number:03}": "x" for number in range(40)})
    command = ("--max-concurrency", "1", "data", "s3://bucket/data/")

    stopped = run_command(sys.executable, "-c", FAST_CLOCK, "--deadline", "65", *command)
    rest = run(*command)

    assert stopped.returncode == 4, stopped.stderr
    assert stopped.stdout.endswith(
        "stopped at the deadline: run the same command again to continue\n"
    )
    assert rest.returncode == 0
    assert " unchanged, " in rest.stdout
    assert not rest.stdout.startswith(("0 files", "40 files"))


def test_json_is_the_response_of_the_handler_only(run, disk, bucket):
    disk.write(under(FILES, "data"))

    result = run("--json", "--size-only", "data", "s3://bucket/data/")

    answer = json.loads(result.stdout)
    assert result.stdout.count("\n") == 1
    assert answer["result"]["files_transferred"] == 3
    assert answer["request"]["delete"] is False
    assert answer["request"]["size_only"] is True
    assert answer["request"]["destination_path"] == "s3://bucket/data/"


def test_quiet_prints_nothing(run, disk, bucket):
    disk.write(under(FILES, "data"))

    result = run("-q", "data", "s3://bucket/data/")

    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_source_named_like_a_verb_needs_a_path_prefix(run, disk, aws, bucket):
    disk.write({"ls": "x"})

    as_verb = run("-v", "ls", "s3://bucket/ls")
    as_file = run("./ls", "s3://bucket/ls")

    assert as_verb.returncode == 2
    assert "write a file of that name as ./ls" in as_verb.stderr
    assert as_file.returncode == 0, as_file.stderr
    assert aws.get(bucket, "ls") == b"x"


def test_missing_source_is_an_error_without_ignore_missing(run, bucket):
    missing = run("s3://bucket/nothing/", "copy")
    ignored = run("--ignore-missing", "s3://bucket/nothing/", "copy")

    assert missing.returncode == 1
    assert missing.stderr == (
        "data-sync: error: the source s3://bucket/nothing/ does not exist: correct the path, "
        "or use --ignore-missing\n"
    )
    assert ignored.returncode == 0
    assert ignored.stderr.startswith("data-sync: warning: the source s3://bucket/nothing/")


def test_missing_bucket_error_names_it(run, aws, disk):
    disk.write({"data/a": "a"})

    for locations in (("s3://no-such-bucket/x/", "copy"), ("data", "s3://no-such-bucket/x/")):
        result = run(*locations)

        assert result.returncode == 1
        assert result.stderr.count("\n") == 1
        assert "s3://no-such-bucket/" in result.stderr
        assert "NoSuchBucket" in result.stderr


def test_missing_credentials_error_says_what_to_set(run, aws, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    result = run("s3://bucket/x/", "copy")

    assert result.returncode == 1
    assert result.stderr == (
        "data-sync: error: no AWS credentials found. Set AWS_PROFILE, or AWS_ACCESS_KEY_ID "
        "and AWS_SECRET_ACCESS_KEY, or attach an IAM role\n"
    )


def test_unreadable_file_error_names_it(run, disk, bucket):
    disk.write({"data/a": "a", "data/b": "b"})
    (disk.root / "data" / "b").unlink()
    (disk.root / "data" / "b").symlink_to("nowhere")

    result = run("--fail-fast", "data", "s3://bucket/data/")

    assert result.returncode == 1
    assert result.stderr.startswith("data-sync: error: ")
    assert result.stderr.count("\n") == 1
    assert "data/b" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "the following arguments are required: SRC, DST"),
        (["data"], "the following arguments are required: DST"),
        (["data", "s3://Bad_bucket/"], "argument DST: 's3://Bad_bucket/' is not an S3 URI"),
        (
            ["--include-regex", "[", "data", "s3://bucket/"],
            "--include-regex: the pattern '['",
        ),
        (
            ["--exclude-regex", "(.*/)*x", "data", "s3://bucket/"],
            "--exclude-regex: the pattern '(.*/)*x' could take exponential time",
        ),
        (["--jobs", "0", "data", "s3://bucket/"], "'0' is not a positive integer"),
        (["--batch-bytes", "lots", "data", "s3://bucket/"], "'lots' is not a size"),
        (["--deadline", "-1", "data", "s3://bucket/"], "argument --deadline"),
        (
            ["--max-delete", "many", "--delete", "data", "s3://bucket/"],
            "argument --max-delete: not a number of files",
        ),
        (["--del", "data", "s3://bucket/"], "arguments: --del; did you mean --delete?"),
        (["lss", "s3://bucket/"], "lss is neither a verb nor a file or folder; did you mean ls?"),
        (["--include", "/", "data", "s3://bucket/"], "'/' is not a glob"),
        (["--endpoint-url", "minio:9000", "a", "s3://b"], "'minio:9000' is not a URL"),
        (["--delete-excluded", "data", "s3://bucket/"], "--delete-excluded require --delete"),
        (["--move", "--delete", "data", "copy"], "--move and --delete are mutually exclusive"),
        (["--max-delete", "1", "data", "s3://bucket/"], "require --delete"),
        (["--move", "s3://bucket/x/", "copy"], "--move has no effect"),
        (["--require-lock", "data", "s3://bucket/"], "--require-lock is only for"),
        (["--source-prefix", "x", "data", "s3://bucket/"], "--source-prefix is only for"),
        (["--batch-bytes", "1MB", "data", "s3://bucket/"], "--batch-bytes requires --jobs"),
        (["--jobs", "2", "--verify", "data", "s3://bucket/"], "leave --jobs out"),
    ],
)
def test_invalid_arguments_are_refused(arguments, reason):
    with pytest.raises(UsageError) as refused:
        make_request(make_parser().parse_args(arguments))

    assert reason in str(refused.value)


def test_syncs_take_as_few_files_as_a_process_may_have_open(script, disk, aws, bucket, tmp_path):
    disk.write({f"data/d{number % 9}/{number}": str(number) for number in range(60)})
    disk.write({"data/large": bytes(9 * 2**20)})
    commands = (
        f"{script} -q data s3://bucket/data/",
        f"{script} -q s3://bucket/data/ copy",
    )
    limited = ["bash", "-c", f"ulimit -n 26; {' && '.join(commands)}"]

    result = subprocess.run(limited, cwd=tmp_path, capture_output=True, text=True)

    assert (result.returncode, result.stderr) == (0, "")
    assert disk.read("copy") == disk.read("data")


def test_invalid_arguments_are_one_line_and_change_nothing(run, disk):
    disk.write({"data/a": "a"})

    result = run("--delete", "--move", "data", "copy")

    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == (
        "data-sync: error: --move and --delete are mutually exclusive between local paths\n"
    )
    assert disk.read() == {"data/a": "a"}


def test_debug_shows_the_traceback(run, bucket):
    result = run("--debug", "s3://bucket/nothing/", "copy")

    assert result.returncode == 1
    assert result.stderr.startswith("Traceback")
    assert result.stderr.splitlines()[-1].startswith(
        "data-sync: error: the source s3://bucket/nothing/"
    )


def test_help_shows_the_verbs_examples_and_exit_status(run):
    result = run("--help")

    assert (result.returncode, result.stderr) == (0, "")
    for part in ("cp SRC... DST", "--delete", "examples:", "exit status:"):
        assert part in result.stdout


def test_full_disk_for_the_output_is_one_line(script, disk, bucket, tmp_path):
    disk.write({"data/a": "a"})
    with Path("/dev/full").open("w") as full:
        result = subprocess.run(
            [script, "data", "s3://bucket/data/"],
            cwd=tmp_path,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    assert result.returncode == 1
    assert result.stderr == "data-sync: error: stdout: No space left on device\n"


def test_report_on_stdout_is_all_that_is_there(run, disk, bucket):
    disk.write(under(FILES, "data"))

    result = run("--report", "-", "data", "s3://bucket/data/")

    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["action"] for line in lines] == ["transfer"] * 3
    assert "3 files (6 B) transferred" in result.stderr
    # The file that it was written to is gone.
    assert "report:" not in result.stderr
    assert run("--report", "-", "--json", "data", "s3://bucket/data/").returncode == 2


def test_closed_stdout_is_an_error_before_anything_is_done(run_command, script, disk, aws, bucket):
    disk.write(under(FILES, "data"))

    result = run_command("sh", "-c", f"{script} data s3://bucket/data/ >&-")
    quiet = run_command("sh", "-c", f"{script} -q data s3://bucket/quiet/ >&-")

    assert (result.returncode, quiet.returncode) == (1, 0)
    assert result.stderr.startswith("data-sync: error: cannot print: stdout is closed")
    assert all(key.startswith("quiet/") for key in aws.keys(bucket))


@pytest.mark.parametrize(
    ("url", "status", "reason"),
    [
        ("localhost:1", 2, "is not a URL that starts with http:// or https://"),
        ("http://127.0.0.1:1", 1, "Connection refused. Check --endpoint-url"),
        ("http://user:secret@host", 2, "a URL with a user name or password"),
    ],
)
def test_endpoint_that_cannot_be_used_is_one_line(run, disk, url, status, reason):
    disk.write({"data/a": "a"})

    result = run("--endpoint-url", url, "data", "s3://bucket/data/")

    assert (result.returncode, result.stderr.count("\n")) == (status, 1)
    assert reason in result.stderr


def test_stores_are_single_items_of_a_plan(run, disk):
    disk.write({"src/x/zarr.json": "{}", "src/x/c/0": "0", "src/a": "a"})
    result = run("--dry-run", "--stores", "--plan", "plan.jsonl", "src", "dst")
    assert result.stdout.splitlines() == [
        "copy src/a -> dst/a (1 B, missing)",
        "store dst/x/ (Zarr 3, 2 files, 3 B): transfer 2 (3 B); new",
        "3 files (4 B) would be transferred, 0 unchanged",
    ]
    # The plan has each file.
    assert run("apply", "plan.jsonl").returncode == 0
    assert (disk.root / "dst" / "x" / "c" / "0").exists()
    assert "leave --jobs out" in run("--stores", "--jobs", "2", "src", "dst").stderr


@pytest.mark.parametrize("option", ["--version", "--help", "ls --help"])
@pytest.mark.parametrize("stdout", ["/dev/full", "&-"])
def test_what_cannot_be_printed_is_an_error(run_command, script, option, stdout):
    result = run_command("sh", "-c", f"{script} {option} >{stdout}")

    assert result.returncode == 1
    assert result.stderr.startswith("data-sync")
    assert result.stderr.count("\n") == 1
