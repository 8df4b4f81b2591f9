"""The Lambda function: handler ``shelf.app.handler``."""

from aibs_informatics_aws_lambda.common.api import ApiResolverBuilder

from shelf import items

api = ApiResolverBuilder()
api.add_handlers(items)

handler = api.get_lambda_handler()
