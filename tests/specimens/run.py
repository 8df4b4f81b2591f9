"""Use the whole project once, and print what it returns as JSON after a marker."""

import importlib
import json
import sys

MARKER = "@@RESULT@@"


class Context:
    function_name = "specimens"
    function_version = "1"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:us-west-2:123456789012:function:specimens"
    aws_request_id = "11111111-2222-4333-8444-555555555555"
    log_group_name = "/aws/lambda/specimens"
    log_stream_name = "specimens"

    def get_remaining_time_in_millis(self):
        return 60_000


CONTEXT = Context()


def message(number, body):
    return {
        "messageId": f"message-{number}",
        "receiptHandle": "handle",
        "body": json.dumps(body),
        "attributes": {"MessageGroupId": "group"},
        "messageAttributes": {},
        "md5OfBody": "0",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-west-2:123456789012:labels",
        "awsRegion": "us-west-2",
    }


def change(number, **image):
    return {
        "eventID": str(number),
        "eventName": "INSERT",
        "eventSource": "aws:dynamodb",
        "dynamodb": {
            "SequenceNumber": str(number),
            "NewImage": {name: {"S": value} for name, value in image.items()},
            "StreamViewType": "NEW_IMAGE",
        },
    }


def http(method, path, query=None, body=None):
    return {
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": method,
        "headers": {"x-client-version": "1.0.0"},
        "multiValueHeaders": {},
        "queryStringParameters": query,
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {
            "requestId": "gateway",
            "stage": "prod",
            "httpMethod": method,
            "path": path,
            "identity": {"sourceIp": "10.0.0.1", "user": "Ada"},
        },
        "body": body,
        "isBase64Encoded": False,
    }


def labels():
    module = importlib.import_module("specimens.labels")
    good = {"specimen_id": "a1", "label": "shelf"}
    bad = {**good, "label": "broken"}
    queue = {"Records": [message(1, good), message(2, bad), message(3, {"skip": True})]}
    stream = {"Records": [change(1, **good), change(2, **bad)]}
    return {
        "plain": module.lambda_handler(good, CONTEXT),
        "camel case": module.lambda_handler({"specimenId": "b", "label": "x", "more": 1}, CONTEXT),
        "queue": module.queue_handler(queue, CONTEXT),
        "fifo": module.fifo_handler(queue, CONTEXT),
        "stream": module.stream_handler(stream, CONTEXT),
    }


def api():
    handler = importlib.import_module("specimens.api.app").lambda_handler
    events = [
        http("GET", "/v1/specimens/a1", {"data": "eyJ3aXRoX3RhZ3MiOiB0cnVlfQ=="}),
        http("GET", "/v1/specimens/a2"),
        http("POST", "/v1/specimens/a3/labels", body=json.dumps(json.dumps({"label": "shelf"}))),
    ]
    responses = [handler(event, CONTEXT) for event in events]
    return [[one["statusCode"], json.loads(one["body"])] for one in responses]


def jobs(folder, document):
    module = importlib.import_module("specimens.jobs")
    return {
        "archive": module.archive(folder, "archive"),
        "inventory": module.inventory(folder),
        "remember": module.remember(document, {"count": 3, "none": None}),
        "notify": module.notify("ada@example.org", "Sorted"),
        "plan": module.plan_run("run-1"),
        "register": module.register("ghcr.io/specimens/sort:1.0"),
    }


def routed():
    main = importlib.import_module("aibs_informatics_aws_lambda.main")
    event = {"specimen_id": "c", "label": "d"}
    return main.handle({"handler": "specimens.labels.LabelHandler", "event": event}, CONTEXT)


def main(folder, document):
    environment = importlib.import_module("specimens.environment")
    result = {
        "names": environment.names(environment.current()),
        "paths": importlib.import_module("specimens.paths").described("a1"),
        "labels": labels(),
        "api": api(),
        "jobs": jobs(folder, document),
        "routed": routed(),
    }
    sys.stdout.write(f"{MARKER}{json.dumps(result, sort_keys=True)}\n")


main(*sys.argv[1:])
