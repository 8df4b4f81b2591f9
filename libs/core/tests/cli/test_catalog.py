from __future__ import annotations

import json
import os

import pytest


@pytest.fixture
def installed(work):
    """Entry points as an installed package has them; returns the variables that show them."""
    info = work / "site" / "work-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: work\nVersion: 1\n")
    (info / "entry_points.txt").write_text(
        "[aibs_informatics_aws_lambda.handlers]\n"
        "count = work:Counter\n"
        "broken = no_such_module:Handler\n"
    )
    return {"PYTHONPATH": str(info.parent)}


def test_installed_handlers_are_listed_with_their_summaries(handle_lambda_request, installed):
    result = handle_lambda_request("--list", **installed)

    assert result.returncode == 0
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert lines[lines.index("count work.Counter") + 1] == "Adds one."
    assert "cannot be imported: No module named 'no_such_module'" in result.stdout


def test_handlers_have_short_names(response_of, installed):
    assert json.loads(response_of("count", '{"count": 1}', **installed)) == {"count": 2}


def test_first_distribution_on_the_path_provides_a_handler(response_of, work, installed):
    info = work / "later" / "later-1.dist-info"
    info.mkdir(parents=True)
    (info / "entry_points.txt").write_text(
        "[aibs_informatics_aws_lambda.handlers]\ncount = no_such_module:Handler\n"
    )
    paths = {"PYTHONPATH": os.pathsep.join([installed["PYTHONPATH"], str(info.parent)])}

    assert json.loads(response_of("count", '{"count": 1}', **paths)) == {"count": 2}


@pytest.mark.parametrize("name", ["count", "work.Counter", "work.by_ten"])
def test_handlers_are_described(handle_lambda_request, installed, name):
    result = handle_lambda_request("--describe", name, **installed)

    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["handler"] == "work.Counter"
    assert found["summary"] == "Adds one."
    assert found["request"]["required"] == ["count"]
    assert found["response"]["properties"].keys() == {"count", "user_note"}
    assert found["environment"] == {"COUNT_LIMIT": "where counting ends"}
    assert found["iam_actions"] == ["s3:GetObject"]


def test_example_of_a_description_can_be_run(handle_lambda_request, response_of):
    described = json.loads(handle_lambda_request("--describe", "work.Counter").stdout)

    assert json.loads(response_of("work.Counter", json.dumps(described["example"]))) == {
        "count": 2
    }


def test_what_modules_print_when_they_are_imported_is_not_in_the_list(
    handle_lambda_request, work, installed
):
    (work / "no_such_module.py").write_text("print('noise')\nclass Handler:\n    'Is there.'\n")

    result = handle_lambda_request("--list", **installed)

    assert "Is there." in result.stdout
    assert "noise" not in result.stdout
    assert "noise" in result.stderr
