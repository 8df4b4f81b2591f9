from __future__ import annotations

from aibs_informatics_aws_lambda.common import context, handler_names, models, router


def test_names_are_those_of_the_modules_that_define_them():
    assert models.DefaultLambdaContext is context.DefaultLambdaContext
    assert models.LambdaHandlerRequest is router.LambdaHandlerRequest
    assert models.deserialize_handler is handler_names.deserialize_handler
    assert models.serialize_handler is handler_names.serialize_handler
