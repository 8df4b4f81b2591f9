import subprocess
import sys
from pathlib import Path

import demo
import pytest

ROOT = Path(__file__).parents[1]


# `.ci/run` runs the demonstration itself, of which all examples have to succeed.
@pytest.mark.heavy
def test_demo_prints_every_command_and_its_result(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "tests" / "support"))
    # Settings of the user must not select a real account.
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_HANDLER", "no.such.handler")

    run = subprocess.run(
        [sys.executable, "tests/demo/demo.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.count("$ handle-lambda-request") == 4
    assert run.stdout.count("$ data-sync") == 4
    assert "repository and copy are identical" in run.stdout
    assert "5 of 5 examples succeeded." in run.stdout


def test_demo_fails_if_a_result_is_wrong(monkeypatch, capsys):
    def wrong_example(shown, settings, index):
        demo.check("response.json", b"[1]", [2])

    def failing_example(shown, settings, index):
        shown.run("--handler", "no.such.handler", "--payload", "{}")

    monkeypatch.setattr(demo, "EXAMPLES", (wrong_example, failing_example, demo.inline_payload))

    assert demo.main() == 1

    printed = capsys.readouterr().out
    assert "FAILED: response.json contains [1]" in printed
    assert "FAILED: exit status 2" in printed
    assert "1 of 3 examples succeeded." in printed


def test_check_fails_for_folders_that_differ(tmp_path):
    for name, content in (("one", "1"), ("other", "2")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "same").write_text("same")
        (tmp_path / name / "file").write_text(content)

    with pytest.raises(demo.DemoError, match="one and other differ in file"):
        demo.check_same(demo.Demo(tmp_path, None), "one", "other")


@pytest.mark.parametrize("found", [b'{"a": 2}', b"{}"])
def test_check_fails_for_another_document(found):
    with pytest.raises(demo.DemoError, match="response"):
        demo.check("response", found, {"a": 1})
