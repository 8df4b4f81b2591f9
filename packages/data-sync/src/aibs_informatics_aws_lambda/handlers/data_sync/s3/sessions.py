"""Sessions of botocore for a profile, a region and a role that is assumed."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from aibs_informatics_aws_lambda.common.aws import find_region
from aibs_informatics_aws_lambda.common.exceptions import AWSError

from ..settings import EXTERNAL_ID_KEY, ROLE_ARN_KEY, ROLE_SESSION_NAME_KEY

if TYPE_CHECKING:
    from aibs_informatics_aws_lambda.storage.data_sync.connection import S3Connection
    from botocore.session import Session

_DEFAULT_SESSION_NAME = "data-sync"
FIRST_REGION = "us-east-1"
"""The region that is asked where none is configured."""

_CONNECT_SECONDS = 4
_READ_SECONDS = 20


class Role(NamedTuple):
    """A role to assume.

    Args:
        arn: its ARN.
        session_name: the name of the session, which CloudTrail shows.
        external_id: the external ID that its trust policy requires, if any.
    """

    arn: str
    session_name: str = _DEFAULT_SESSION_NAME
    external_id: str | None = None


def find_role(connection: S3Connection | None) -> Role | None:
    """Return the role of a connection, or that of the environment, if there is one.

    Raises:
        AWSError: the variable does not have the ARN of a role.
    """
    if connection is not None and connection.role_arn is not None:
        name = connection.role_session_name or _DEFAULT_SESSION_NAME
        return Role(connection.role_arn, name, connection.external_id)
    arn = os.environ.get(ROLE_ARN_KEY)
    if not arn:
        return None
    # Few have one, and models take most of the start-up time.
    from aibs_informatics_aws_lambda.storage.data_sync.connection import parse_role_arn

    try:
        parse_role_arn(arn)
    except ValueError as error:
        raise AWSError(f"{ROLE_ARN_KEY} is {arn!r}: {error}") from None
    name = os.environ.get(ROLE_SESSION_NAME_KEY) or _DEFAULT_SESSION_NAME
    return Role(arn, name, os.environ.get(EXTERNAL_ID_KEY) or None)


def make_session(connection: S3Connection | None) -> Session:
    """Return a session. The temporary credentials of a role are renewed before they expire.

    Args:
        connection: the profile, the region and the role; each is by default that of the
            environment.

    Raises:
        AWSError: there is no such profile, there are no credentials to assume the role with, or
            the role cannot be assumed.
    """
    session, role = make_base_session(connection), find_role(connection)
    if role is None:
        return session
    from botocore.credentials import CredentialResolver

    assumed = _assume(role, session)
    session = make_base_session(connection)
    session.register_component("credential_provider", CredentialResolver([assumed]))
    return session


def make_base_session(connection: S3Connection | None) -> Session:
    """Return a session that has not assumed the role of the connection.

    Raises:
        AWSError: there is no such profile.
    """
    from botocore.exceptions import BotoCoreError
    from botocore.session import Session

    session = Session(profile=connection.profile if connection else None)
    try:
        # Reads the configuration.
        session.get_scoped_config()
    except BotoCoreError as error:
        raise AWSError(
            f"cannot read the AWS configuration: {error}. Check the name of the profile, "
            "AWS_PROFILE and AWS_CONFIG_FILE"
        ) from error
    if connection is not None and connection.region:
        session.set_config_variable("region", connection.region)
    return session


def find_profile_endpoint(session: Session, profile: str) -> str | None:
    """Return the endpoint of S3 that a profile names, whatever the environment says."""
    config = session.full_config
    found = config["profiles"].get(profile, {})
    of_s3 = config.get("services", {}).get(found.get("services", ""), {}).get("s3", {})
    of_service = of_s3.get("endpoint_url") if isinstance(of_s3, dict) else None
    endpoint: str | None = of_service or found.get("endpoint_url")
    return endpoint


def find_session_region(session: Session, profile: str | None) -> str:
    """Return the region of a session: that of the profile, if one was chosen, comes first."""
    of_profile = session.full_config["profiles"].get(profile, {}).get("region")
    region = session.instance_variables().get("region") or of_profile
    return region or session.get_config_variable("region") or find_region() or FIRST_REGION


def _assume(role: Role, session: Session) -> Any:
    """Assume a role, and return a provider of its credentials for botocore."""
    from botocore.config import Config
    from botocore.credentials import CredentialProvider, RefreshableCredentials

    region = find_session_region(session, session.instance_variables().get("profile"))
    config = Config(connect_timeout=_CONNECT_SECONDS, read_timeout=_READ_SECONDS)
    refresh = _refresher(role, session.create_client("sts", region_name=region, config=config))
    credentials = RefreshableCredentials.create_from_metadata(
        refresh(), refresh_using=refresh, method="assume-role"
    )

    class AssumedRole(CredentialProvider):
        METHOD = "assume-role"

        def load(self) -> RefreshableCredentials:
            return credentials

    return AssumedRole()


def _refresher(role: Role, sts: Any) -> Callable[[], dict[str, str]]:
    """Return a function that assumes a role, and returns credentials as botocore wants them."""
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

    arguments = {"RoleArn": role.arn, "RoleSessionName": role.session_name}
    if role.external_id:
        arguments["ExternalId"] = role.external_id

    def refresh() -> dict[str, str]:
        try:
            found = sts.assume_role(**arguments)["Credentials"]
        except ClientError as error:
            raise _refused(role, error, sts) from error
        except NoCredentialsError as error:
            raise AWSError(
                f"cannot assume the role {role.arn}: there are no credentials to assume it with. "
                "Set a profile, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            ) from error
        except BotoCoreError as error:
            raise AWSError(f"cannot assume the role {role.arn}: {error}") from error
        return {
            "access_key": found["AccessKeyId"],
            "secret_key": found["SecretAccessKey"],
            "token": found["SessionToken"],
            "expiry_time": found["Expiration"].isoformat(),
        }

    return refresh


def _refused(role: Role, error: Any, sts: Any) -> AWSError:
    """Return the error that names the role and the caller that may not assume it."""
    from aibs_informatics_aws_lambda.common.remedies import find_remedy
    from botocore.exceptions import BotoCoreError, ClientError

    reason = error.response.get("Error", {})
    code, message = reason.get("Code", ""), reason.get("Message", "")
    try:
        caller = sts.get_caller_identity()["Arn"]
    except (BotoCoreError, ClientError):
        # It is the credentials that are invalid.
        caller = None
    by = f" as {caller}" if caller else ""
    if code == "AccessDenied" and caller:
        external = "" if role.external_id else ", and check whether it requires an external ID"
        advice = (
            f"Grant sts:AssumeRole on the role to {caller}, and allow it in the trust policy of "
            f"the role{external}"
        )
    else:
        advice = find_remedy(code, message, "sts:AssumeRole")
    text = f"cannot assume the role {role.arn}{by}: {code}: {message.rstrip('.')}"
    return AWSError(f"{text}. {advice}" if advice else text)
