"""The Lambda function: handler ``api.handler``."""

import runs
from aibs_informatics_aws_lambda.common.api import ApiResolverBuilder
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver

api = ApiResolverBuilder(app=APIGatewayHttpResolver())
api.add_handlers(runs)

handler = api.get_lambda_handler()
