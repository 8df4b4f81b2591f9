from aibs_informatics_aws_lambda.common.api.resolver import ApiResolverBuilder

from specimens.api import resources

builder = ApiResolverBuilder()
builder.add_handlers(resources, prefix="/v1")
lambda_handler = builder.get_lambda_handler()
