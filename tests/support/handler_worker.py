"""Run handlers, or read their requests, in the environment of a Python; a program of its own.

Each line of stdin is a JSON object with ``do`` (``run`` or ``read``), ``handler`` and ``event``;
each line of stdout is an object with ``response``, or with ``error``.
"""

import importlib
import json
import os
import sys
from typing import Any

NAMESPACE = "aibs_informatics_aws_lambda.handlers"


class Context:
    """The context of an invocation."""

    function_name = "worker"
    function_version = "1"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:us-west-2:123456789012:function:worker"
    aws_request_id = "11111111-2222-4333-8444-555555555555"
    log_group_name = "/aws/lambda/worker"
    log_stream_name = "worker"

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        """Return a minute."""
        return 60_000


def respond(job: dict[str, Any]) -> dict[str, Any]:
    """Return the outcome of a job."""
    module, _, name = f"{NAMESPACE}.{job['handler']}".rpartition(".")
    handler = getattr(importlib.import_module(module), name)
    try:
        if job["do"] == "read":
            return {"response": handler.get_request_cls().from_dict(job["event"]).to_dict()}
        return {"response": handler.get_handler()(job["event"], Context())}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


def main() -> None:
    """Respond to the jobs of stdin; what handlers print goes to stderr."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        out.write(json.dumps(respond(json.loads(line)), default=str) + "\n")
        out.flush()


if __name__ == "__main__":
    main()
