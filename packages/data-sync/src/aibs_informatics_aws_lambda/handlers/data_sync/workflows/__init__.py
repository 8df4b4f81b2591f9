"""State machines for AWS Step Functions that run the handlers of this package.

The files beside this module are ``data-sync-distributed`` and ``clean-file-system``.
"""

from aibs_informatics_aws_lambda.common.workflows import Workflows

WORKFLOWS = Workflows(__name__)

render_workflow = WORKFLOWS.render_workflow
render_policy = WORKFLOWS.render_policy
