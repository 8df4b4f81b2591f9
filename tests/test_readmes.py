"""Examples in READMEs print the output that the READMEs show."""

from __future__ import annotations

import re
import sysconfig
from pathlib import Path

import pytest
from markdown_examples import examples_of, modules_of

ROOT = Path(__file__).parents[1]
# READMEs and the commands that they show with output. The tests of data-sync run its own.
READMES = {
    "README.md": ("handle-lambda-request", "data-sync"),
    "packages/data-sync/README.md": ("handle-lambda-request",),
}

# How long a sync took differs from run to run.
_DURATION = re.compile(r" in [\d.]+ s( \([\d.]+ \w+/s\))?")


@pytest.mark.parametrize("name", READMES)
def test_examples_print_the_output_in_the_readme(name, run_command, tmp_path, aws):
    readme = ROOT / name
    for bucket in ("bucket", "my-bucket"):
        aws.make_bucket(bucket)
    (tmp_path / "results").mkdir()
    for word in ("first", "second"):
        (tmp_path / "results" / word).write_text(word)
    for module, text in modules_of(readme).items():
        (tmp_path / module).write_text(text)
    examples = examples_of(readme, READMES[name])
    assert examples

    for example in examples:
        run = run_command("bash", "-c", f"{sysconfig.get_path('scripts')}/{example.command}")

        assert run.returncode == 0, run.stderr
        assert _DURATION.sub("", run.stdout) == _DURATION.sub("", example.output)
