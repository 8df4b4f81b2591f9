"""The examples of the documentation are the ones that are tested here."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from shelf import items
from shelf.app import handler

CORE = Path(__file__).parent.parent.parent
EXAMPLE = CORE / "tests" / "example_api" / "shelf"


@pytest.fixture(scope="module")
def documentation():
    texts = [path.read_text() for path in sorted(CORE.glob("*.md"))]
    return next(text for text in texts if "## Behind an HTTP API" in text)


@pytest.mark.parametrize("name", ["items.py", "app.py"])
def test_the_documentation_shows_the_example_as_it_is(name, documentation):
    assert f"```python\n{(EXAMPLE / name).read_text()}```" in documentation


def test_the_example_keeps_and_finds_items(lambda_context, monkeypatch):
    monkeypatch.setattr(items, "SHELF", {})

    def call(method, path, body=None, query=None):
        event = {
            "path": path,
            "httpMethod": method,
            "headers": {},
            "multiValueQueryStringParameters": query,
            "requestContext": {"requestId": "id", "stage": "prod", "path": path},
            "body": body,
            "isBase64Encoded": False,
        }
        response = handler(event, lambda_context)
        return response["statusCode"], json.loads(response["body"])

    item = {"item_id": "a1", "how_many": 3, "tags": ["round"]}
    assert call("PUT", "/items/a1", json.dumps({"how_many": 3, "tags": ["round"]})) == (200, item)
    found = call("GET", "/items", query={"tags": ["round"], "at_least": ["2"]})
    assert found == (200, {"items": [item]})
    assert call("GET", "/items", query={"at_least": ["4"]}) == (200, {"items": []})
    status, problem = call("GET", "/items/b2")
    assert (status, problem["detail"]) == (404, "There is no item b2.")


def test_the_example_of_batches_works(documentation, lambda_context):
    after = documentation.partition("## Event batches")[2]
    code = re.search(r"```python\n(.*?)```", after, re.S)[1]
    names: dict = {"__name__": "example"}
    exec(code, names)
    record = {"messageId": "m1", "body": '{"item_id": "a", "how_many": 2}', "attributes": {}}
    broken = {**record, "messageId": "m2", "body": "{}"}
    response = names["from_queue"]({"Records": [record, broken]}, lambda_context)
    assert response == {"batchItemFailures": [{"itemIdentifier": "m2"}]}
    images = {"item_id": {"S": "a"}, "how_many": {"N": "2"}}
    change = {"eventName": "INSERT", "dynamodb": {"SequenceNumber": "1", "NewImage": images}}
    assert names["from_table"]({"Records": [change]}, lambda_context) == {"batchItemFailures": []}
