"""Login to a registry of Amazon ECR.

https://docs.aws.amazon.com/AmazonECR/latest/userguide/registry_auth.html
"""

import base64
from dataclasses import dataclass
from typing import Any

from .api import ecr_errors
from .uris import ECRRegistryUri


@dataclass(frozen=True)
class ECRLogin:
    """Credentials for ``docker login``, valid for 12 hours.

    Args:
        username: the user name.
        password: the password; left out of the representation.
        registry: the host of the registry.
    """

    username: str
    password: str
    registry: str

    @property
    def auth_token(self) -> str:
        """User name and password in base64, as in an ``Authorization: Basic`` header."""
        return base64.b64encode(f"{self.username}:{self.password}".encode()).decode()

    def __repr__(self) -> str:
        return f"ECRLogin(username={self.username!r}, registry={self.registry!r})"


def get_login(client: Any, registry: ECRRegistryUri) -> ECRLogin:
    """Return the credentials for a registry (GetAuthorizationToken).

    Args:
        client: the boto3 ECR client of the registry's region.
        registry: the registry.

    Raises:
        AWSError: ECR denied the request or failed.
    """
    with ecr_errors(f"log in to {registry}", "GetAuthorizationToken"):
        response = client.get_authorization_token()
    token = response["authorizationData"][0]["authorizationToken"]
    username, _, password = base64.b64decode(token).decode().partition(":")
    return ECRLogin(username, password, str(registry))
