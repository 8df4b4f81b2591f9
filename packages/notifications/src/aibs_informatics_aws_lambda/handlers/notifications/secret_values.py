"""Read secret values from Secrets Manager and the Parameter Store of Systems Manager."""

from aibs_informatics_aws_lambda.common.aws import get_client, named_errors
from aibs_informatics_aws_lambda.common.exceptions import ValidationError
from aibs_informatics_aws_lambda.common.json_io import parse_json


def read_secret(arn: str) -> str:
    """Return a secret value. It is read on each call, so a rotated secret applies at once.

    Args:
        arn: ARN of a secret, optionally followed by ``#KEY`` for a value in a JSON secret, or ARN
            of an SSM parameter.

    Raises:
        AWSError: the secret or parameter does not exist or cannot be read.
        ValidationError: the secret has no string value, or no such key.
    """
    service, region = arn.split(":")[2:4]
    if service == "ssm":
        with named_errors(f"read {arn}", permission="ssm:GetParameter"):
            response = get_client("ssm", region_name=region).get_parameter(
                Name=arn, WithDecryption=True
            )
        value: str = response["Parameter"]["Value"]
        return value
    secret_id, _, key = arn.partition("#")
    with named_errors(f"read {secret_id}", permission="secretsmanager:GetSecretValue"):
        response = get_client("secretsmanager", region_name=region).get_secret_value(
            SecretId=secret_id
        )
    return _value_of(response.get("SecretString"), arn, key)


def _value_of(text: str | None, arn: str, key: str) -> str:
    if text is None:
        raise ValidationError(f"{arn} has no string value")
    if not key:
        return text
    try:
        value = parse_json(text)[key]
    except (ValueError, TypeError, KeyError):
        raise ValidationError(f"{arn}: the secret is not a JSON object with this key") from None
    if not isinstance(value, str):
        raise ValidationError(f"{arn}: the value is not a string")
    return value
