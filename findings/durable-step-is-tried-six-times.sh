#!/bin/sh
# Believed: a step without a retry strategy is tried as often as the default RetryStrategyConfig
# says: three times.
# So: a step without a strategy is tried six times, and one with the default configuration three
# times.
# Matters: writing down the default changes the behaviour; a step that fails for good runs, and is
# billed, twice as often as its configuration class suggests.
# Versions: aws-durable-execution-sdk-python 3.0.0, aws-durable-execution-sdk-python-testing
# 1.4.0, boto3 1.44.8.
# Output:
#   without a strategy: 6
#   with create_retry_strategy(RetryStrategyConfig()): 3
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

from aws_durable_execution_sdk_python import StepError
from aws_durable_execution_sdk_python.retries import RetryStrategyConfig, create_retry_strategy

def attempts(step_config):
    count = 0

    def fail(_):
        nonlocal count
        count += 1
        raise OSError("no")

    def function(event, context):
        try:
            context.step(fail, "fail", step_config)
        except StepError:
            return count

    return run(function)

without = attempts(None)
default = attempts(config.StepConfig(retry_strategy=create_retry_strategy(RetryStrategyConfig())))
print("without a strategy:", without)
print("with create_retry_strategy(RetryStrategyConfig()):", default)
assert (without, default) == (6, 3)
END
PYTHONPATH=site python3 check.py
