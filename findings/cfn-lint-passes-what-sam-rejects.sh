#!/bin/sh
# Believed: a SAM template without a finding of cfn-lint can be deployed.
# So: cfn-lint accepts a condition in place of a CapacityProviderConfig, and a VpcConfig beside
# one; the transform of SAM rejects both templates.
# Matters: a linter in CI passes a template that fails when it is deployed; a parameter cannot
# choose between Lambda Managed Instances and plain functions.
# Versions: cfn-lint 1.58.0, aws-sam-translator 1.115.0.
# Output:
#   condition: cfn-lint exits with 0; SAM: Invalid CapacityProviderConfig
#   VPC: cfn-lint exits with 0; SAM: Cannot specify 'CapacityProviderConfig' and 'VpcConfig' together.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m pip install --quiet --disable-pip-version-check --no-compile --target site cfn-lint==1.58.0 aws-sam-translator==1.115.0
cat > check.py <<'END'
import json, os, subprocess, sys
os.environ["AWS_DEFAULT_REGION"] = "us-west-2"
from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.translator.transform import transform

class Policies:
    def load(self):
        return {}

ARN = "arn:aws:lambda:us-west-2:123456789012:capacity-provider:shared"

def function(**properties):
    code = {"Runtime": "python3.13", "Handler": "app.handler", "CodeUri": "s3://bucket/code.zip"}
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Transform": "AWS::Serverless-2016-10-31",
        "Parameters": {"Provider": {"Type": "String", "Default": ""}},
        "Conditions": {"IsManaged": {"Fn::Not": [{"Fn::Equals": [{"Ref": "Provider"}, ""]}]}},
        "Resources": {
            "F": {"Type": "AWS::Serverless::Function",
                  "Properties": {**code, "MemorySize": 2048, **properties}},
            "G": {"Type": "AWS::SNS::Topic", "Condition": "IsManaged"},
        },
    }

condition = {"Fn::If": ["IsManaged", {"Arn": {"Ref": "Provider"}}, {"Ref": "AWS::NoValue"}]}
network = {"SubnetIds": ["subnet-12345678"], "SecurityGroupIds": ["sg-12345678"]}
cases = {
    "condition": (function(CapacityProviderConfig=condition), "Invalid CapacityProviderConfig"),
    "VPC": (function(CapacityProviderConfig={"Arn": ARN}, VpcConfig=network),
            "Cannot specify 'CapacityProviderConfig' and 'VpcConfig' together."),
}
for name, (template, message) in cases.items():
    with open("template.json", "w") as file:
        json.dump(template, file)
    lint = subprocess.run(["site/bin/cfn-lint", "template.json"], capture_output=True, text=True)
    try:
        transform(template, {}, Policies())
    except InvalidDocumentException as error:
        found = error.causes[0].message
    else:
        found = ""
    print(f"{name}: cfn-lint exits with {lint.returncode}; SAM:", message if message in found else found)
    assert lint.returncode == 0 and message in found
END
PYTHONPATH=site python3 check.py
