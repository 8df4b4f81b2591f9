#!/bin/sh
# Believed: local interpreters of state machines agree on States.StringSplit with several
# separators.
# So: moto splits at each of the characters, aws-local-stepfunctions at the text as a whole.
# Matters: a workflow that is tested in one of them takes another path in the other; only one can
# be like AWS.
# Versions: moto 5.2.5, aws-local-stepfunctions 3.0.0 (npm).
# Output:
#   moto: ['a', 'b', 'c']
#   aws-local-stepfunctions: ['a,b;c']
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

moto, local = results("States.StringSplit($.text, ',;')", {"text": "a,b;c"})
print("moto:", moto)
print("aws-local-stepfunctions:", local)
assert moto == ["a", "b", "c"] and local == ["a,b;c"]
END
PYTHONPATH=site python3 check.py
