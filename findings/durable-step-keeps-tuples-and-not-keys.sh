#!/bin/sh
# Believed: the result of a step of a durable function passes through plain JSON: tuples become
# lists and a date fails; or else everything keeps its type.
# So: tuples, dates and decimals keep their type, but integer keys of a dictionary become strings,
# already in the first run and without a warning.
# Matters: a lookup by number in the result of a step finds nothing, though all other types make
# one believe that values come back as they were.
# Versions: aws-durable-execution-sdk-python 3.0.0, aws-durable-execution-sdk-python-testing
# 1.4.0, boto3 1.44.8.
# Output:
#   (1, 2) is a tuple, 2024-01-02 is a date, 1.5 is a Decimal, keys are ['str']
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

import datetime, decimal

def function(event, context):
    value = {"pair": (1, 2), "day": datetime.date(2024, 1, 2), "price": decimal.Decimal("1.5"),
             "counts": {7: "seven"}}
    found = context.step(lambda _: value, "make")
    return [f"{found[key]} is a {type(found[key]).__name__}" for key in ("pair", "day", "price")] + [
        f"keys are {[type(key).__name__ for key in found['counts']]}"]

lines = run(function)
print(", ".join(lines))
assert lines == ["(1, 2) is a tuple", "2024-01-02 is a date", "1.5 is a Decimal", "keys are ['str']"]
END
PYTHONPATH=site python3 check.py
