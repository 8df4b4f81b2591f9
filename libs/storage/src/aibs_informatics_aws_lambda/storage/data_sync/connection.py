"""How one side of a data sync connects to S3."""

# Cold start: annotations are not postponed, as pydantic would have to evaluate each at import, and
# expressions are compiled when they are used, which few requests do.

import re
from typing import Annotated, TypeAlias

from aibs_informatics_aws_lambda.common.model import PydanticBaseModel
from pydantic import AfterValidator, ConfigDict, Field

_ROLE = r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+"
# https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
_SESSION_NAME = r"[\w+=,.@-]{2,64}"
_EXTERNAL_ID = r"[\w+=,.@:/-]{2,1224}"
# Those of AWS, and of services compatible with S3 also names such as auto, garage or default.
_REGION = r"[A-Za-z0-9][A-Za-z0-9-]*"


def _parse_endpoint_url(text: str) -> str:
    """Return the URL of an endpoint.

    Raises:
        ValueError: it does not start with ``http://`` or ``https://``, or has a user name.
    """
    if not text.startswith(("http://", "https://")):
        raise ValueError("not a URL that starts with http:// or https://")
    if "@" in text:
        raise ValueError("a URL with a user name or password: set credentials by a profile")
    return text


def parse_role_arn(text: str) -> str:
    """Return the ARN of an IAM role.

    Raises:
        ValueError: it is not one.
    """
    if not re.fullmatch(_ROLE, text, re.ASCII):
        raise ValueError("not the ARN of a role, such as arn:aws:iam::123456789012:role/NAME")
    return text


def _parse_region(text: str) -> str:
    if not re.fullmatch(_REGION, text):
        raise ValueError("not a region name such as us-west-2")
    return text


def _parse_session_name(text: str) -> str:
    if not re.fullmatch(_SESSION_NAME, text, re.ASCII):
        raise ValueError("not 2 to 64 letters, digits and characters of _+=,.@-")
    return text


def _parse_external_id(text: str) -> str:
    if not re.fullmatch(_EXTERNAL_ID, text, re.ASCII):
        raise ValueError("not 2 to 1,224 letters, digits and characters of _+=,.@:/-")
    return text


EndpointUrl: TypeAlias = Annotated[str, AfterValidator(_parse_endpoint_url)]
"""The URL of an endpoint."""

RoleArn: TypeAlias = Annotated[str, AfterValidator(parse_role_arn)]
"""The ARN of an IAM role."""


class S3Connection(PydanticBaseModel):
    """The service, and the credentials, for one side of a sync.

    A setting that is left out is that of the environment. Credentials cannot be given: they are
    those of the profile or of the environment, or those of a role that is assumed with them.
    """

    model_config = ConfigDict(frozen=True)

    profile: str | None = Field(
        None,
        description="profile of the AWS configuration; its region and endpoint_url take "
        "precedence over environment variables",
    )
    region: Annotated[str, AfterValidator(_parse_region)] | None = None
    endpoint_url: EndpointUrl | None = Field(
        None, description="endpoint of S3, with http:// or https://"
    )
    no_sign_request: bool | None = Field(
        None, description="true: send no credentials, to public buckets"
    )
    role_arn: RoleArn | None = Field(None, description="role to assume")
    role_session_name: Annotated[str, AfterValidator(_parse_session_name)] | None = Field(
        None, description="name of the session of the role; default: data-sync"
    )
    external_id: Annotated[str, AfterValidator(_parse_external_id)] | None = Field(
        None, description="external ID that the trust policy of the role requires"
    )
