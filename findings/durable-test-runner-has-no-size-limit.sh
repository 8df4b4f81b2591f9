#!/bin/sh
# Believed: the official test runner of durable functions rejects a checkpoint above the limit of
# 256 KiB that the SDK knows, as the service would.
# So: it records the result of a step of any size; only a child context compares with the limit.
# Matters: a step whose result outgrows a checkpoint passes all tests.
# Versions: aws-durable-execution-sdk-python 3.0.0, aws-durable-execution-sdk-python-testing
# 1.4.0, boto3 1.44.8.
# Output:
#   limit that the SDK names: 262144 bytes
#   recorded result of a step: 300002 bytes
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m pip install --quiet --disable-pip-version-check --no-compile --target site aws-durable-execution-sdk-python==3.0.0 aws-durable-execution-sdk-python-testing==1.4.0 boto3==1.44.8
cat > check.py <<'END'
import json, logging
from aws_durable_execution_sdk_python import config, durable_execution
from aws_durable_execution_sdk_python_testing import DurableFunctionTestRunner

logging.disable(logging.CRITICAL)

def run(function):
    """Run a durable function to its end, and return the response."""
    with DurableFunctionTestRunner(durable_execution(function), poll_interval=0.01) as runner:
        result = runner.run("{}", execution_timeout=120)
    assert result.status.value == "SUCCEEDED", result.error
    return json.loads(result.result)

from aws_durable_execution_sdk_python.constants import CHECKPOINT_SIZE_LIMIT_BYTES

with DurableFunctionTestRunner(
    durable_execution(lambda event, context: len(context.step(lambda _: "x" * 300_000, "large"))),
    poll_interval=0.01,
) as runner:
    result = runner.run("{}", execution_timeout=60)
size = len(result.get_step("large").result)
print("limit that the SDK names:", CHECKPOINT_SIZE_LIMIT_BYTES, "bytes")
print("recorded result of a step:", size, "bytes")
assert result.status.value == "SUCCEEDED" and size > CHECKPOINT_SIZE_LIMIT_BYTES
END
PYTHONPATH=site python3 check.py
