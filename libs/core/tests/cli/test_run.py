"""The command line as its users run it: the console script, as a process."""

from __future__ import annotations

import json
import sys

import pytest


def test_response_is_printed_and_logs_go_to_stderr(handle_lambda_request):
    result = handle_lambda_request(
        "--handler", "work.Counter", "--payload", '{"count": 1, "userNote": "é"}', "-o", "-"
    )

    assert result.returncode == 0
    assert result.stdout == '{"count": 2, "user_note": "\\u00e9"}\n'
    printed, *lines = result.stderr.splitlines()
    assert printed == "printed by the handler"
    assert [json.loads(line)["message"] for line in lines] == ["counting"]


def test_response_is_written_to_a_file_as_one_sorted_line(handle_lambda_request, work):
    (work / "out.json").write_text("an old and longer response" * 100)

    result = handle_lambda_request(
        "--handler", "work.echo", "--payload", '{"b": 1, "a": "é"}', "-o", "out.json"
    )

    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    expected = '{"event": {"a": "\\u00e9", "b": 1}, "function": "unknown"}'
    assert (work / "out.json").read_text() == expected


def test_module_can_be_run_as_well(run_command, work):
    module = "aibs_informatics_aws_lambda.main"
    arguments = ("--handler", "work.by_ten", "--payload", '{"count": 1}', "-o", "-")

    result = run_command(sys.executable, "-m", module, *arguments)

    assert json.loads(result.stdout) == {"count": 11}


def test_without_a_location_nothing_is_printed_but_logs(handle_lambda_request, work):
    result = handle_lambda_request("--handler", "work.Counter", "--payload", '{"count": 1}')

    assert (result.returncode, result.stdout) == (0, "")
    assert {path.name for path in work.iterdir()} - {"__pycache__"} == {"work.py", "ran.txt"}


def test_no_response_is_an_empty_object(response_of):
    assert response_of("work.Counter", '{"count": 99}') == "{}\n"


@pytest.mark.parametrize("form", ["path", "absolute", "uri", "@", "-", "@-"])
def test_payload_is_read_from_files_and_stdin(response_of, work, form):
    (work / "in.json").write_text('{"count": 1}')
    given = {
        "path": "in.json",
        "absolute": str(work / "in.json"),
        "uri": (work / "in.json").as_uri(),
        "@": "@in.json",
    }.get(form, form)

    assert json.loads(response_of("work.Counter", given, stdin='{"count": 1}')) == {"count": 2}


@pytest.mark.parametrize("form", ["in.json", "-"])
def test_payload_file_is_a_file_or_stdin(handle_lambda_request, work, form):
    (work / "in.json").write_text('{"count": 1}')

    result = handle_lambda_request(
        "--handler", "work.Counter", "--payload-file", form, "-o", "-", stdin='{"count": 1}'
    )

    assert json.loads(result.stdout) == {"count": 2}


@pytest.mark.parametrize("given", ['{"count": 1}', "@in.json"])
def test_payload_file_takes_a_payload_with_a_hint(handle_lambda_request, work, given):
    (work / "in.json").write_text('{"count": 1}')

    result = handle_lambda_request("--handler", "work:Counter", "--payload-file", given, "-o", "-")

    assert json.loads(result.stdout) == {"count": 2}
    assert "hint: JSON text and @PATH are for --payload" in result.stderr


def test_json_text_wins_over_a_file_of_that_name(response_of, work):
    (work / '{"count": 1}').write_text('{"count": 50}')

    assert json.loads(response_of("work.Counter", '{"count": 1}')) == {"count": 2}
    assert json.loads(response_of("work.Counter", '@{"count": 1}')) == {"count": 51}


@pytest.mark.parametrize("options", [["--payload"], ["--payload-file"]])
def test_payload_and_response_can_be_in_s3(handle_lambda_request, aws, options):
    aws.make_bucket()
    uri = aws.put("bucket", "in.json", '{"count": 1}')

    result = handle_lambda_request(
        "--handler", "work.Counter", *options, uri, "-o", "s3://bucket/out.json"
    )

    assert result.returncode == 0, result.stderr
    assert aws.get("bucket", "out.json") == b'{"count": 2}'


def test_everything_can_come_from_the_environment(handle_lambda_request, aws):
    aws.make_bucket()
    result = handle_lambda_request(
        AWS_LAMBDA_FUNCTION_HANDLER="work.Counter",
        AWS_LAMBDA_EVENT_PAYLOAD=aws.put("bucket", "in.json", '{"count": 1}'),
        AWS_LAMBDA_EVENT_RESPONSE_LOCATION="s3://bucket/out.json",
    )

    assert result.returncode == 0, result.stderr
    assert aws.get("bucket", "out.json") == b'{"count": 2}'


def test_context_is_that_of_the_environment(response_of):
    response = response_of(
        "work.WhoAmI",
        '{"count": 1}',
        AWS_LAMBDA_FUNCTION_NAME="f",
        AWS_LAMBDA_FUNCTION_MEMORY_SIZE="512",
        AWS_LAMBDA_FUNCTION_REQUEST_ID="r",
    )

    assert json.loads(response)["user_note"] == "f 512 r"


def test_router_can_be_run(response_of):
    payload = json.dumps({"handler": "work.by_ten", "event": {"count": 1}})

    assert json.loads(response_of("aibs_informatics_aws_lambda.main.handle", payload)) == {
        "count": 11
    }


# Refuses every connection and look-up of a host, and names it on stderr.
NO_NETWORK = """
import socket, sys

def refuse(*arguments, **options):
    sys.stderr.write("the network was used\\n")
    raise OSError("there is no network")

socket.socket.connect = socket.getaddrinfo = refuse
"""


@pytest.mark.parametrize(
    "settings", [{}, {"AWS_REGION": "us-west-2"}, {"AWS_PROFILE": "missing"}, {"REGION": "x"}]
)
def test_local_work_needs_neither_aws_nor_network(handle_lambda_request, work, settings):
    (work / "sitecustomize.py").write_text(NO_NETWORK)
    (work / "in.json").write_text('{"count": 1}')

    result = handle_lambda_request(
        *("--handler", "work.Counter", "--payload", "in.json", "-o", "out.json"),
        PYTHONPATH=str(work),
        **settings,
    )

    assert result.returncode == 0, result.stderr
    assert "network" not in result.stderr
    assert json.loads((work / "out.json").read_text()) == {"count": 2}


def test_local_work_loads_no_client_of_aws(work, run_command):
    code = (
        "import sys; from aibs_informatics_aws_lambda.main import handle_cli\n"
        "handle_cli(['--handler', 'work.Counter', '-e', '{\"count\": 1}', '-o', 'out.json'])\n"
        "assert not {'boto3', 'botocore.session'} & set(sys.modules), 'boto3 was loaded'"
    )

    assert run_command(sys.executable, "-c", code).returncode == 0


def test_whatever_handlers_print_stays_out_of_the_response(work, handle_lambda_request):
    (work / "loud.py").write_text(
        "import logging\n"
        "from aibs_informatics_aws_lambda.common.logging import logger\n"
        "print('at import')\n"
        "def handler(event, context):\n"
        "    logger.warning('by the shared logger')\n"
        "    logging.getLogger('library').warning('by a library')\n"
        "    return {}\n"
    )

    result = handle_lambda_request("--handler", "loud.handler", "-e", "{}", "-o", "-")

    assert result.stdout == "{}\n"
    for line in ("at import", "by the shared logger", "by a library"):
        assert line in result.stderr


def test_metrics_stay_out_of_the_response(work, handle_lambda_request):
    (work / "measured.py").write_text(
        "from work import Counter\n"
        "class Measured(Counter):\n"
        "    def handle(self, request):\n"
        "        self.metrics.add_count_metric('Items', 1)\n"
        "        return super().handle(request)\n"
    )
    arguments = ("--handler", "measured.Measured", "-e", '{"count": 1}', "-o", "-")

    with_namespace = handle_lambda_request(*arguments, POWERTOOLS_METRICS_NAMESPACE="Tests")
    without = handle_lambda_request(*arguments)

    assert with_namespace.stdout == without.stdout == '{"count": 2}\n'
    assert '"Items":[1.0]' in with_namespace.stderr
    assert "Set POWERTOOLS_METRICS_NAMESPACE" in without.stderr


def test_handlers_of_the_current_directory_cannot_replace_installed_ones(response_of, work):
    (work / "json.py").write_text("raise RuntimeError('not the installed one')")

    assert json.loads(response_of("work.echo", "{}"))["event"] == {}


def test_valid_payload_is_checked_without_running_the_handler(handle_lambda_request, work):
    result = handle_lambda_request(
        "--handler", "work.Counter", "-e", '{"count": 1}', "-o", "out.json", "--validate-only"
    )

    assert (result.returncode, result.stdout) == (0, "")
    assert result.stderr == "The payload is a valid request of work.Counter.\n"
    assert not (work / "ran.txt").exists()
    assert not (work / "out.json").exists()


def test_invalid_payload_is_found_without_running_the_handler(handle_lambda_request):
    result = handle_lambda_request("--handler", "work.Counter", "-e", "{}", "--validate-only")

    assert result.returncode == 3
    assert "count: Field required" in result.stderr


@pytest.mark.parametrize(
    ("options", "status"), [({}, 4), ({"HANDLER_PARTIAL_OK": "1"}, 0), ({"_arguments": True}, 0)]
)
def test_response_that_reports_failed_items_ends_with_4(
    handle_lambda_request, work, options, status
):
    arguments = ["--partial-ok"] if options.pop("_arguments", False) else []

    result = handle_lambda_request(
        "--handler", "work.partly", "-e", "{}", "-o", "out.json", *arguments, **options
    )

    assert result.returncode == status
    assert json.loads((work / "out.json").read_text())["batchItemFailures"]


ERROR_DOCUMENTS = [
    ("work.Counter", '{"count": -1}', 1, "ArithmeticError", "negative count"),
    ("work.Counter", "{}", 3, "ValidationError", "count: Field required"),
    ("work.Counter", "none.json", 3, "ValueError", "none.json"),
    ("work.missing", "{}", 2, "ValueError", "missing"),
    ("work.unserialisable", "{}", 1, "TypeError", "not JSON serializable"),
]


@pytest.mark.parametrize(("handler", "payload", "status", "error_type", "text"), ERROR_DOCUMENTS)
def test_failure_leaves_a_document_where_asked(
    handle_lambda_request, work, handler, payload, status, error_type, text
):
    result = handle_lambda_request(
        "--handler", handler, "-e", payload, "-o", "out.json", "--error-document"
    )

    assert result.returncode == status
    document = json.loads((work / "out.json").read_text())
    assert document["errorType"] == error_type
    assert text in document["errorMessage"]


def test_failure_leaves_the_old_response_where_no_document_is_asked_for(
    handle_lambda_request, work
):
    (work / "out.json").write_text("old")

    result = handle_lambda_request(
        "--handler", "work.Counter", "-e", '{"count": -1}', "-o", "out.json"
    )

    assert result.returncode == 1
    assert (work / "out.json").read_text() == "old"


def test_failure_is_not_hidden_where_its_document_cannot_be_left(handle_lambda_request, work):
    (work / "folder").mkdir()
    (work / "thief.py").write_text(
        "import shutil\n"
        "def handler(event, context):\n"
        "    shutil.rmtree('folder')\n"
        "    raise RuntimeError('first failure')\n"
    )

    result = handle_lambda_request(
        "--handler", "thief.handler", "-e", "{}", "-o", "folder/out.json", "--error-document"
    )

    assert result.returncode == 1
    assert "first failure" in result.stderr
    assert "the error document cannot be written either" in result.stderr


def test_payload_is_parsed_once(work, response_of):
    (work / "counted.py").write_text(
        "from work import Counter\n"
        "class Counted(Counter):\n"
        "    parsed = 0\n"
        "    @classmethod\n"
        "    def deserialize_request(cls, request):\n"
        "        Counted.parsed += 1\n"
        "        return super().deserialize_request({'count': Counted.parsed})\n"
    )

    assert response_of("counted.Counted", "{}") == '{"count": 2}\n'


def test_error_of_a_nested_handler_is_not_an_invalid_payload(work, handle_lambda_request):
    (work / "nested.py").write_text(
        "from work import Counter\n"
        "class Inner(Counter):\n"
        "    pass\n"
        "class Outer(Counter):\n"
        "    def handle(self, request):\n"
        "        return Inner.get_handler()({}, self.context)\n"
    )

    outer = handle_lambda_request("--handler", "nested.Outer", "-e", '{"count": 1}')
    inner = handle_lambda_request("--handler", "nested.Inner", "-e", "{}")

    assert (outer.returncode, inner.returncode) == (1, 3)


def test_plain_function_has_nothing_to_validate(work, handle_lambda_request):
    result = handle_lambda_request("--handler", "work.echo", "-e", "{}", "--validate-only")

    assert result.returncode == 0
    assert "work.echo is a plain function without a request model" in result.stderr
    assert not (work / "ran.txt").exists()
