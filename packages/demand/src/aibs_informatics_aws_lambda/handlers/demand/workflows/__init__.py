"""The AWS Step Functions workflow ``demand-execution``, and the IAM policies of its role."""

from aibs_informatics_aws_lambda.common.workflows import Workflows

WORKFLOWS = Workflows(__name__)

render_workflow = WORKFLOWS.render_workflow
render_policy = WORKFLOWS.render_policy
