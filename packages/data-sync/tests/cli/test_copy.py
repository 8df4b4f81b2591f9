"""cp and mv: where sources are copied to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from aibs_informatics_aws_lambda.common.cli.errors import CommandError, UsageError
from aibs_informatics_aws_lambda.common.exceptions import AWSError
from aibs_informatics_aws_lambda.handlers.data_sync.cli import cp, mv
from aibs_informatics_aws_lambda.handlers.data_sync.rate_limits import RateLimits
from faulty_s3 import Call, FaultyS3, Reply, refusal

# Options of cp that have an effect if it writes to stdout.
TAKES_EFFECT = (
    "--help",
    "--help-all",
    "--profile",
    "--region",
    "--endpoint-url",
    "--no-sign-request",
    "--role-arn",
    "--role-session-name",
    "--external-id",
    "--request-payer",
    "--source-profile",
    "--source-region",
    "--source-endpoint-url",
    "--source-no-sign-request",
    "--source-role-arn",
    "--source-role-session-name",
    "--source-external-id",
    "--verbose",
    "--log-format",
    "--quiet",
    "--debug",
    "--bandwidth",
    "--requests-per-second",
)
VALUES = {
    "destination_role_arn": "arn:aws:iam::123456789012:role/NAME",
    "part_size": "16MiB",
    "retries": "2",
    "stats": "3",
    "metadata": "a=b",
    "tags": "a=b",
    "destination_endpoint_url": "http://127.0.0.1:1",
}


@pytest.fixture
def bucket(aws) -> str:
    return aws.make_bucket()


@pytest.fixture
def data(disk):
    disk.write({"a": "a", "dir/b": "b", "dir/sub/c": "c", "there/old": "old"})


@pytest.mark.parametrize(
    ("arguments", "copied"),
    [
        (["a", "new"], {"new": "a"}),
        (["a", "there"], {"there/a": "a"}),
        (["a", "fresh/"], {"fresh/a": "a"}),
        (["a", "there/old"], {"there/old": "a"}),
        (["a", "dir/b", "there"], {"there/a": "a", "there/b": "b"}),
        (["-r", "dir", "new"], {"new/b": "b", "new/sub/c": "c"}),
        (["-r", "dir/", "there"], {"there/dir/b": "b", "there/dir/sub/c": "c"}),
        (["d*/b", "there"], {"there/b": "b"}),
    ],
)
def test_local_files_are_copied_as_by_cp(run, disk, data, arguments, copied):
    before = disk.read()

    result = run("cp", *arguments)

    assert result.returncode == 0, result.stderr
    assert disk.read() == {**before, **copied}


@pytest.mark.parametrize(
    ("arguments", "keys"),
    [
        (["a", "s3://bucket"], ["a"]),
        (["a", "s3://bucket/x"], ["x"]),
        (["a", "s3://bucket/x/"], ["x/a"]),
        (["a", "dir/b", "s3://bucket/x"], ["x/a", "x/b"]),
        (["-r", "dir", "s3://bucket/x"], ["x/b", "x/sub/c"]),
        (["-r", "dir", "s3://bucket/x/"], ["x/dir/b", "x/dir/sub/c"]),
    ],
)
def test_files_are_uploaded(run, aws, bucket, data, arguments, keys):
    result = run("cp", *arguments)

    assert result.returncode == 0, result.stderr
    assert aws.keys(bucket) == keys


@pytest.mark.parametrize(
    ("arguments", "copied"),
    [
        (["s3://bucket/run-1/x.csv", "y.csv"], {"y.csv": "1"}),
        (["s3://bucket/run-1/x.csv", "there"], {"there/x.csv": "1"}),
        (["s3://bucket/run-*/x.csv", "t/"], {"t/run-1/x.csv": "1", "t/run-2/x.csv": "2"}),
        (["s3://bucket/run-1/*.csv", "t/"], {"t/x.csv": "1"}),
        (["s3://bucket/**/n.txt", "t/"], {"t/run-1/x.csv.d/n.txt": "n"}),
        (["-r", "s3://bucket/run-1/", "t/"], {"t/run-1/x.csv": "1", "t/run-1/x.csv.d/n.txt": "n"}),
        (["-r", "s3://bucket/run-2", "new"], {"new/x.csv": "2"}),
    ],
)
def test_objects_are_downloaded(run, aws, bucket, disk, arguments, copied):
    disk.write({"there/old": "old"})
    aws.put(bucket, "run-1/x.csv", "1")
    aws.put(bucket, "run-1/x.csv.d/n.txt", "n")
    aws.put(bucket, "run-2/x.csv", "2")

    result = run("cp", *arguments)

    assert result.returncode == 0, result.stderr
    assert disk.read() == {"there/old": "old", **copied}


def test_existing_file_is_replaced_even_by_an_older_one(run, disk):
    disk.write({"a": "old", "b": "new"})
    disk.age("a", days=10)

    assert run("cp", "a", "b").returncode == 0
    assert disk.read() == {"a": "old", "b": "old"}


def test_mv_removes_the_sources(run, disk, aws, bucket, data):
    result = run("mv", "a", "s3://bucket/x/")
    assert result.returncode == 0, result.stderr
    run("mv", "-r", "dir", "s3://bucket/x/")
    run("mv", "s3://bucket/x/a", "s3://bucket/y")

    assert disk.read() == {"there/old": "old"}
    assert aws.keys(bucket) == ["x/dir/b", "x/dir/sub/c", "y"]


def test_copy_goes_on_after_a_file_that_fails(run, disk):
    disk.write({"dir/a": "a", "dir/z": "z"})
    (disk.root / "dir/bad").symlink_to("missing")

    result = run("cp", "-r", "dir", "new")

    assert result.returncode == 4
    assert "dir/bad is a dangling symlink" in result.stderr
    assert disk.read("new") == {"a": "a", "z": "z"}


def test_stdin_and_stdout_are_dashes(script, run_command, aws, bucket, disk):
    run_command("sh", "-c", f"printf hello | {script} cp -q - s3://bucket/x")
    shown = run_command(script, "cp", "s3://bucket/x", "-")

    assert aws.get(bucket, "x") == b"hello"
    assert shown.stdout == "hello"


@pytest.mark.parametrize(
    "action",
    [action for action in cp.make_parser().actions if action.option_strings],
    ids=lambda action: action.option_strings[0],
)
def test_option_of_cp_has_an_effect_on_what_is_written_to_stdout_or_is_refused(action):
    option, value = action.option_strings[0], VALUES.get(action.dest)
    if option in TAKES_EFFECT:
        return
    other = action.choices[-1] if action.choices else "x"
    arguments = [option] if action.nargs == 0 else [f"{option}={value or other}"]
    with pytest.raises(UsageError, match=f"^{option} has no effect where DST is -"):
        cp.run([*arguments, "a", "-"])


@pytest.mark.parametrize("verb", [cp, mv])
def test_objects_of_several_wildcards_do_not_replace_each_other(s3: FaultyS3, verb):
    for key in ("one/a", "one/b", "two/b", "two/c"):
        s3.put("bucket", key, key.encode())
    sources = ["s3://bucket/one/*", "s3://bucket/two/*"]
    with pytest.raises(CommandError, match="one/b and s3://bucket/two/b would both become"):
        verb.run(["-q", *sources, "s3://bucket/dst/"])
    found = s3.read("bucket")
    assert found["dst/b"] == b"one/b"
    assert found["two/b"] == b"two/b"

    verb.run(["-q", "s3://bucket/two/*", "s3://bucket/dst/a*", "s3://bucket/new/"])
    assert s3.read("bucket")["new/b"] == b"two/b"


@pytest.mark.parametrize("comes_first", [True, False])
@pytest.mark.parametrize("other", ["s3://bucket/two/b", "s3://bucket/two/sub", "b"])
@pytest.mark.parametrize("verb", [cp, mv])
def test_object_of_wildcards_and_another_source_that_would_become_one_are_refused(
    s3: FaultyS3, tmp_path: Path, monkeypatch, verb, other: str, comes_first: bool
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "b").write_text("b")
    for key in ("one/b", "one/sub/c", "two/b", "two/sub/c"):
        s3.put("bucket", key, key.encode())
    sources = ["s3://bucket/one/*", other]
    ordered = reversed(sources) if comes_first else sources
    with pytest.raises(CommandError, match="would both become s3://bucket/dst/"):
        verb.run(["-q", "-r", *ordered, "s3://bucket/dst/"])
    contents = {*s3.read("bucket").values(), *(path.read_bytes() for path in tmp_path.iterdir())}
    assert contents >= {b"one/b", b"one/sub/c", b"two/b", b"two/sub/c", b"b"}


@pytest.mark.parametrize(
    ("verb", "options", "done"),
    [
        (cp, [], "The sources before were copied"),
        (mv, [], "The sources before were moved"),
        (mv, ["-n"], "Nothing was changed"),
    ],
)
def test_refusal_of_an_object_tells_what_was_done_before(s3: FaultyS3, verb, options, done: str):
    for key in ("one/b", "two/b"):
        s3.put("bucket", key, b"")
    with pytest.raises(CommandError, match=rf"another name\. {done}$"):
        verb.run(["-q", *options, "s3://bucket/one/*", "s3://bucket/two/b", "s3://bucket/dst/"])


class TestBucketThatMayNotBeListed:
    """Requests for single objects may be allowed all the same."""

    @pytest.fixture(autouse=True)
    def forbidden(self, s3: FaultyS3, disk, monkeypatch: pytest.MonkeyPatch) -> None:
        def fault(call: Call, respond: Callable[[], Reply]) -> Reply:
            is_listing = call.operation == "ListObjectsV2"
            return refusal(403, "AccessDenied") if is_listing else respond()

        s3.fault = fault
        s3.put("bucket", "data/a", b"a")
        monkeypatch.chdir(disk.root)

    def test_object_is_copied(self, s3: FaultyS3, disk):
        assert cp.run(["-q", "s3://bucket/data/a", "s3://bucket/data/a", "down/"]) == 0
        assert cp.run(["-q", "s3://bucket/data/a", "s3://bucket/copy"]) == 0
        assert disk.read("down") == {"a": "a"}
        assert s3.read("bucket")["copy"] == b"a"

    def test_file_is_uploaded(self, s3: FaultyS3, disk):
        disk.write({"f": "f"})
        assert cp.run(["-q", "f", "s3://bucket/f"]) == 0
        assert s3.read("bucket")["f"] == b"f"

    @pytest.mark.parametrize(
        "arguments",
        [
            ["s3://bucket/data/missing", "x"],
            ["--fail-fast", "s3://bucket/data/missing", "x"],
            ["-r", "s3://bucket/data/", "x"],
            ["s3://bucket/data/*", "x/"],
        ],
    )
    def test_others_need_a_listing(self, arguments):
        with pytest.raises(AWSError, match=r"cannot list s3://bucket/data/.*Grant s3:ListBucket"):
            cp.run(["-q", *arguments])

    def test_move_needs_a_listing(self):
        with pytest.raises(AWSError, match="Grant s3:ListBucket"):
            mv.run(["-q", "s3://bucket/data/a", "s3://bucket/b"])


def test_streams_keep_to_the_limits(disk, monkeypatch, capfdbinary, aws, bucket):
    aws.put(bucket, "x", b"x" * 300_000)
    taken = []
    monkeypatch.setattr(
        RateLimits, "take", lambda _, size=0, requests=0: taken.append((size, requests))
    )

    cp.run(["--bandwidth=200kB", "--requests-per-second=5", "s3://bucket/x", "-"])

    assert capfdbinary.readouterr().out == b"x" * 300_000
    assert sum(size for size, _ in taken) == 300_000
    assert max(size for size, _ in taken) == 50_000
    assert sum(requests for _, requests in taken) == 1


@pytest.mark.parametrize("verb", ["cat", "rm"])
@pytest.mark.parametrize("option", ["--bandwidth", "--requests-per-second", "--retries"])
def test_verbs_without_limits_refuse_them_by_name(run, verb, option):
    result = run(verb, option, "5", "a")

    assert result.returncode == 2
    assert option in result.stderr


def test_dry_run_copies_nothing(run, disk, data):
    before = disk.read()

    result = run("cp", "-n", "-r", "dir", "new")

    assert result.stdout == (
        "copy dir/b -> new/b (1 B)\n"
        "copy dir/sub/c -> new/sub/c (1 B)\n"
        "2 files (2 B) would be transferred, 0 unchanged\n"
    )
    assert disk.read() == before


@pytest.mark.parametrize(
    ("arguments", "status", "reason"),
    [
        (["cp", "dir", "new"], 2, "dir is a folder: give -r to copy it"),
        (["mv", "dir", "new"], 2, "dir is a folder: give -r to move it"),
        (["cp", "s3://bucket/x/", "new"], 2, "s3://bucket/x/ is a prefix: give -r to copy it"),
        (["cp", "a", "dir/b", "new"], 2, "new is not an existing folder"),
        (["cp", "a", "dir/sub/../../a", "there/"], 2, "would both become there/a: copy one"),
        (["mv", "a", "there/a", "new/"], 2, "a and there/a would both become new/a"),
        (["mv", "-r", "dir/sub", "there/sub", "s3://bucket/"], 2, "become s3://bucket/sub"),
        (["cp", "missing*", "there"], 1, "no file or object matches missing*"),
        (["cp", "missing", "new"], 1, "missing"),
        (["cp", "s3://bucket/x", "new"], 1, "s3://bucket/x"),
        (["cp", "s3://bucket/x*", "there"], 1, "s3://bucket"),
        (["mv", "s3://bucket/x", "new"], 2, "cannot move s3://bucket/x to a local path"),
        (["cp", "-", "-"], 2, "- is for a single source"),
        (["mv", "a", "-"], 2, "- is for a single source"),
        (["cp", "-", "s3://bucket/"], 2, "stdin has no name"),
        (["cp", "a"], 2, "the following arguments are required: DST"),
    ],
)
def test_invalid_copies_are_refused(run, disk, data, bucket, arguments, status, reason):
    before = disk.read()

    result = run(*arguments)

    assert result.returncode == status
    assert reason in result.stderr
    assert disk.read() == before
