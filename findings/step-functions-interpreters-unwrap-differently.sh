#!/bin/sh
# Believed: a path with .. gives a list in every interpreter of state machines, with one match as
# with two.
# So: moto gives the value itself if there is one match, and a list if there are two; aws-local-
# stepfunctions always a list.
# Matters: a Map state over such a path works in tests with two items and fails with one, or the
# other way round.
# Versions: moto 5.2.5, aws-local-stepfunctions 3.0.0 (npm).
# Output:
#   one match: 1 and [1]
#   two matches: [1, 2] and [1, 2]
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit aws-local-stepfunctions@3.0.0
cat > run.mjs <<'END'
import { StateMachine } from "aws-local-stepfunctions";
const [definition, input] = process.argv.slice(2).map((text) => JSON.parse(text));
const machine = new StateMachine(definition);
console.log(JSON.stringify(await machine.run(input).result));
process.exit(0);
END
python3 -m pip install --quiet --disable-pip-version-check --no-compile --target site "moto[stepfunctions,server]==5.2.5"
cat > check.py <<'END'
import json, os, subprocess
os.environ.update(AWS_ACCESS_KEY_ID="any", AWS_SECRET_ACCESS_KEY="any", AWS_DEFAULT_REGION="us-east-1")
import time
import boto3
from moto import mock_aws

def results(expression, document):
    """Return the value of an expression in both interpreters."""
    definition = {"StartAt": "Pass", "States": {
        "Pass": {"Type": "Pass", "Parameters": {"value.$": expression}, "End": True}}}
    with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):
        client = boto3.client("stepfunctions")
        role = "arn:aws:iam::123456789012:role/role"
        machine = client.create_state_machine(name="m", definition=json.dumps(definition), roleArn=role)
        arn = client.start_execution(
            stateMachineArn=machine["stateMachineArn"], input=json.dumps(document))["executionArn"]
        while (found := client.describe_execution(executionArn=arn))["status"] == "RUNNING":
            time.sleep(0.05)
    other = subprocess.run(["node", "run.mjs", json.dumps(definition), json.dumps(document)],
                           capture_output=True, text=True, check=True).stdout
    return json.loads(found["output"])["value"], json.loads(other)["value"]

one = results("$..b", {"a": {"b": 1}})
two = results("$..b", {"a": {"b": 1}, "c": {"b": 2}})
print(f"one match: {one[0]} and {one[1]}")
print(f"two matches: {two[0]} and {two[1]}")
assert one == (1, [1]) and two == ([1, 2], [1, 2])
END
PYTHONPATH=site python3 check.py
