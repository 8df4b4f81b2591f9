"""Whatever goes wrong is one line on stderr: what, which, why, and what to do."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

SCRIPT = Path(sys.executable).with_name("handle-lambda-request")


@pytest.fixture
def failure(handle_lambda_request, work):
    """Run the command line; return the exit status and the one line that it leaves."""

    def run(*arguments, **options):
        result = handle_lambda_request(*arguments, **options)
        (line,) = result.stderr.splitlines()
        assert line.startswith("handle-lambda-request: error: ")
        assert result.stdout == ""
        assert not (work / "ran.txt").exists(), "the handler ran"
        return result.returncode, line

    return run


@pytest.mark.parametrize(
    ("arguments", "status", "texts"),
    [
        ([], 2, ["no handler: pass --handler", "AWS_LAMBDA_FUNCTION_HANDLER", "--list"]),
        (
            ["--handler", "work.echo"],
            2,
            ["no payload: pass", "AWS_LAMBDA_EVENT_PAYLOAD"],
        ),
        (["--handler", "nope", "-e", "{}"], 2, ["handler nope", "--list"]),
        (["--handler", "work.nope", "-e", "{}"], 2, ["work has no attribute 'nope'"]),
        (
            ["--handler", "no_such.thing", "-e", "{}"],
            2,
            ["No module named 'no_such'", "installed"],
        ),
        (["--handler", "shutil.rmtree", "-e", "{}"], 2, ["shutil.rmtree", "standard library"]),
        (["--handler", "work.copyfile", "-e", "{}"], 2, ["shutil.copyfile", "standard library"]),
        (["--handler", "work.not_a_handler", "-e", "{}"], 2, ["expected a LambdaHandler class"]),
        (["--handler", "broken.handler", "-e", "{}"], 2, ["importing", "ZeroDivisionError"]),
        (["--handler", "leaves.handler", "-e", "{}"], 2, ["importing", "SystemExit: bye"]),
        (["--describe", "work.echo"], 2, ["plain function"]),
        (["--describe", "work.nope"], 2, ["no attribute 'nope'"]),
        (["--handler", "work.Counter", "-e", '{"count": 1'], 3, ["not valid JSON", "line 1"]),
        (["--handler", "work.Counter", "-e", "none.json"], 3, ["'none.json'", "No such file"]),
        (["--handler", "work.Counter", "-e", "@none.json"], 3, ["'none.json'", "No such file"]),
        (["--handler", "work.Counter", "--payload-file", "no"], 3, ["'no'", "No such file"]),
        (["--handler", "work.Counter", "-e", "bad.json"], 3, ["bad.json does not contain JSON"]),
        (["--handler", "work.Counter", "-e", "list.json"], 3, ["in list.json, got list"]),
        (["--handler", "work.Counter", "-e", ""], 3, ["empty", "{}"]),
        (["--handler", "work.Counter", "-e", "."], 3, ["Is a directory"]),
        (["--handler", "work.Counter", "-e", "5"], 3, ["expected a JSON object", "int"]),
        (["--handler", "work.Counter", "-e", "-"], 3, ["payload", "Expecting value"]),
        (["--handler", "work.Counter", "-e", "s3://x/y"], 3, ["s3://x/y", "bucket name 'x'"]),
        (["--handler", "work.Counter", "-e", '{"x": 1}'], 3, ["Counter", "count: Field required"]),
        (["--handler", "work.Counter", "-e", '{"count": 1}', "-o", "."], 2, ["it is a directory"]),
        (
            ["--handler", "work.Counter", "-e", '{"count": 1}', "-o", "no/out.json"],
            2,
            ["response location no/out.json", "/no does not exist"],
        ),
        (
            ["--handler", "work.Counter", "-e", '{"count": 1}', "-o", "bad.json/out.json"],
            2,
            ["bad.json is not a directory"],
        ),
        (
            ["--handler", "work.Counter", "-e", '{"count": 1}', "-o", "s3://x/y"],
            2,
            ["bucket name 'x'"],
        ),
        (
            ["--handler", "work.Counter", "-e", '{"count": 1}', "-o", "s3://bucket/folder/"],
            2,
            ["not an object"],
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else str(value),
)
def test_bad_input_is_one_line_that_says_what_and_why(failure, work, arguments, status, texts):
    (work / "broken.py").write_text("1 / 0")
    (work / "leaves.py").write_text("import sys; sys.exit('bye')")
    (work / "bad.json").write_text("nope")
    (work / "list.json").write_text("[1]")

    found, line = failure(*arguments)

    assert found == status
    for text in texts:
        assert text in line


def test_rejected_values_are_not_shown(failure):
    _, line = failure("--handler", "work.Counter", "-e", '{"count": "s3cret"}')

    assert "s3cret" not in line


def test_exception_of_the_handler_is_one_line(handle_lambda_request):
    result = handle_lambda_request("--handler", "work.Counter", "-e", '{"count": -1}')

    assert result.returncode == 1
    assert result.stderr.splitlines()[-1] == (
        "handle-lambda-request: error: the handler failed: ArithmeticError: negative count "
        "(--debug shows the traceback)"
    )
    assert "Traceback" not in result.stderr


def test_response_that_is_not_json_is_one_line_and_leaves_the_old_one(handle_lambda_request, work):
    (work / "out.json").write_text("old")

    result = handle_lambda_request(
        "--handler", "work.unserialisable", "-e", "{}", "-o", "out.json"
    )

    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert "response cannot be written as JSON: Object of type object is not JSON" in line
    assert (work / "out.json").read_text() == "old"
    assert not list(work.glob(".*"))


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--handler", "work.Counter", "-e", '{"count": -1}'], "ArithmeticError: negative"),
        (["--handler", "work.Counter", "-e", "{}"], "ValidationError"),
        (["--handler", "broken.handler", "-e", "{}"], "ZeroDivisionError"),
        (["--handler", "work.Counter"], "UsageError"),
    ],
)
def test_traceback_is_shown_with_debug(handle_lambda_request, work, arguments, error):
    (work / "broken.py").write_text("1 / 0")

    shown = handle_lambda_request(*arguments, "--debug").stderr
    hidden = handle_lambda_request(*arguments).stderr

    assert "Traceback (most recent call last)" in shown
    assert error in shown
    assert "Traceback" not in hidden
    assert shown.splitlines()[-1].startswith("handle-lambda-request: error: ")


def test_handler_that_ends_the_process_has_failed(handle_lambda_request):
    result = handle_lambda_request("--handler", "work.ends_the_process", "-e", "{}", "-o", "-")

    assert result.returncode == 1
    assert "tried to exit the process" in result.stderr


def test_abbreviated_and_misspelt_options_are_refused_with_a_suggestion(handle_lambda_request):
    result = handle_lambda_request("--handle", "work.Counter", "-e", "{}")

    assert result.returncode == 2
    assert "did you mean --handler?" in result.stderr
    other = handle_lambda_request("--json").stderr
    assert "unrecognized arguments: --json (see" in other


@pytest.mark.parametrize("word", ["help", "list", "version"])
def test_a_word_that_is_an_option_is_refused_with_a_suggestion(handle_lambda_request, word):
    result = handle_lambda_request(word)

    assert result.returncode == 2
    assert result.stderr == (
        f"handle-lambda-request: error: unrecognized arguments: {word}; did you mean --{word}? "
        "(see handle-lambda-request --help)\n"
    )


def test_version_is_that_of_the_distribution(handle_lambda_request):
    result = handle_lambda_request("--version")

    assert (
        result.stdout == f"handle-lambda-request {version('aibs-informatics-aws-lambda-core')}\n"
    )


def test_wrong_usage_ends_with_2(handle_lambda_request):
    result = handle_lambda_request("--payload", "{}", "--payload-file", "x")

    assert result.returncode == 2
    assert "not allowed with argument" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "text"),
    [
        (["-e", "s3://bucket/none"], 3, "cannot read s3://bucket/none"),
        (["-e", "s3://no-bucket/key"], 3, "NoSuchBucket"),
        (["-e", '{"count": 1}', "-o", "s3://no-bucket/key"], 2, "there is no bucket no-bucket"),
    ],
)
def test_missing_objects_and_buckets_are_named(failure, aws, arguments, status, text):
    aws.make_bucket()

    found, line = failure("--handler", "work.Counter", *arguments)

    assert found == status
    assert text in line


@pytest.fixture
def denied(aws):
    """Let the stand-in for AWS refuse whoever has no permission, as AWS does."""
    aws.make_bucket()
    aws.put("bucket", "in.json", '{"count": 1}')

    def ask_for_permissions(after):
        headers = {"Content-Type": "text/plain"}
        urlopen(Request(f"{aws.url}/moto-api/reset-auth", after, headers, method="POST")).close()

    user = aws.client("iam").create_user(UserName="nobody")["User"]["UserName"]
    key = aws.client("iam").create_access_key(UserName=user)["AccessKey"]
    ask_for_permissions(b"0")
    yield {
        "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
    }
    ask_for_permissions(b"inf")


def test_denied_payload_is_named_with_the_missing_permission(failure, denied):
    status, line = failure("--handler", "work.Counter", "-e", "s3://bucket/in.json", **denied)

    assert status == 3
    assert "cannot read s3://bucket/in.json" in line
    assert "Grant s3:GetObject" in line


def test_denied_response_is_named_with_the_missing_permission(handle_lambda_request, denied):
    result = handle_lambda_request(
        "--handler", "work.echo", "-e", "{}", "-o", "s3://bucket/out.json", **denied
    )

    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert "cannot write the response: cannot write s3://bucket/out.json" in line
    assert "Grant s3:PutObject" in line


def test_missing_credentials_are_named_before_the_handler_runs(failure):
    status, line = failure(
        "--handler", "work.Counter", "-e", '{"count": 1}', "-o", "s3://bucket/out.json"
    )

    assert status == 2
    assert "Unable to locate credentials. Set AWS_PROFILE" in line


@pytest.mark.parametrize("mode", [0o555, 0o000])
def test_directory_that_may_not_be_written_to_is_found_before_the_handler_runs(
    run_command, work, without_root_powers, mode
):
    folder = work / "folder"
    folder.mkdir(mode=mode)

    result = run_command(
        *without_root_powers,
        *(str(SCRIPT), "--handler", "work.Counter", "-e", '{"count": 1}'),
        *("-o", str(folder / "out.json")),
    )

    assert result.returncode == 2
    (line,) = result.stderr.splitlines()
    assert f"cannot write to the response location {folder}/out.json" in line
    assert f"the directory {folder} is not writable" in line or "Permission denied" in line
    assert not (work / "ran.txt").exists()


def test_payload_that_may_not_be_read_is_named(run_command, work, without_root_powers):
    (work / "in.json").touch(mode=0o000)

    result = run_command(
        *without_root_powers, str(SCRIPT), "--handler", "work.Counter", "-e", "in.json"
    )

    assert result.returncode == 3
    assert "'in.json'" in result.stderr
    assert "Permission denied" in result.stderr


def test_reader_that_goes_away_is_one_line(work):
    command = f"{SCRIPT} --handler work.big -e @in.json -o - | head -c 1"
    (work / "in.json").write_text(json.dumps({"letter": "a", "size": 1_000_000}))

    result = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"], cwd=work, capture_output=True, text=True
    )

    assert result.returncode == 1
    assert result.stderr.splitlines() == [
        "handle-lambda-request: error: cannot write the response: [Errno 32] Broken pipe "
        "(--debug shows the traceback)"
    ]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("arguments", [["-o", "/dev/full"], ["-o", "-"], ["--list"]])
def test_full_disk_is_one_line(work, arguments):
    with Path("/dev/full").open("w") as full:
        result = subprocess.run(
            [SCRIPT, "--handler", "work.echo", "-e", "{}", *arguments],
            cwd=work,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )

    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert "No space left on device" in line
