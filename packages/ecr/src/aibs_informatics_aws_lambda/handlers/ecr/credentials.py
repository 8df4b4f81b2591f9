"""Credentials for registries other than Amazon ECR: from docker's configuration or a secret.

See https://docs.docker.com/reference/cli/docker/login/ and containers-auth.json(5), whose files
podman and skopeo use.
"""

import base64
import binascii
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from aibs_informatics_aws_lambda.common.exceptions import ValidationError
from aibs_informatics_aws_lambda.common.json_io import JSONObject, parse_json

DOCKER_HUB_HOST = "registry-1.docker.io"
"""The host of the registry API of Docker Hub, known as docker.io in references."""

# The keys of Docker Hub in docker's configuration.
_DOCKER_HUB_KEYS = ("https://index.docker.io/v1/", "index.docker.io", "docker.io")
_HELPER_TIMEOUT_SECONDS = 60
# The user name that credential helpers return with an identity token.
_IDENTITY_USER = "<token>"


class Credentials(NamedTuple):
    """Credentials for a registry.

    Args:
        username: the user name.
        password: the password or access token; left out of the representation.
        identity_token: an OAuth 2 refresh token, which replaces user name and password.
    """

    username: str = ""
    password: str = ""
    identity_token: str = ""

    @property
    def basic(self) -> str:
        """The value of an ``Authorization: Basic`` header."""
        text = f"{self.username}:{self.password}".encode()
        return f"Basic {base64.b64encode(text).decode()}"

    def __repr__(self) -> str:
        return f"Credentials(username={self.username!r})"


def find_docker_credentials(host: str, repository: str) -> Credentials | None:
    """Return the credentials of ``docker login``, ``podman login`` or ``skopeo login``.

    The first file with credentials applies: ``$REGISTRY_AUTH_FILE``,
    ``$XDG_RUNTIME_DIR/containers/auth.json``, ``$DOCKER_CONFIG/config.json`` (default:
    ``~/.docker/config.json``).

    Args:
        host: host and port of the registry.
        repository: the name of the repository.

    Raises:
        ValidationError: a file or the output of a credential helper is invalid.
    """
    store_key = _DOCKER_HUB_KEYS[0] if host == DOCKER_HUB_HOST else host
    for path in _files():
        if path.is_file():
            found = _find_in(path, _keys(host, repository), store_key)
            if found:
                return found
    return None


def read_secret(secret: str, profile: str | None = None) -> Credentials:
    """Return the credentials in a secret of AWS Secrets Manager.

    Args:
        secret: the name or ARN of the secret. It contains a JSON object with ``username`` and
            either ``password`` or ``accessToken``, as the secrets of Amazon ECS, AWS Batch and
            pull through cache rules do.
        profile: the profile of the AWS configuration; default: the credentials in use.

    Raises:
        ValidationError: the secret is not such an object.
        AWSError: Secrets Manager denied the request or failed.
    """
    from aibs_informatics_aws_lambda.common.aws import named_errors

    from .api import make_client

    region = secret.split(":")[3] if secret.startswith("arn:") and secret.count(":") > 3 else None
    with named_errors(f"read the secret {secret}", permission="secretsmanager:GetSecretValue"):
        client = make_client("secretsmanager", region, profile)
        response = client.get_secret_value(SecretId=secret)
    try:
        document = parse_json(response.get("SecretString") or "")
    except ValueError:
        document = None
    fields = document if isinstance(document, dict) else {}
    username, password = fields.get("username"), fields.get("password", fields.get("accessToken"))
    if not isinstance(username, str) or not isinstance(password, str):
        raise ValidationError(
            f"the secret {secret} is not a JSON object with username and password (or accessToken)"
        )
    return Credentials(username, password)


def _files() -> Iterator[Path]:
    if os.environ.get("REGISTRY_AUTH_FILE"):
        yield Path(os.environ["REGISTRY_AUTH_FILE"])
    if os.environ.get("XDG_RUNTIME_DIR"):
        yield Path(os.environ["XDG_RUNTIME_DIR"], "containers", "auth.json")
    folder = os.environ.get("DOCKER_CONFIG")
    yield (Path(folder) if folder else Path.home() / ".docker") / "config.json"


def _keys(host: str, repository: str) -> list[str]:
    """Return the keys that a repository's credentials may have, the most specific first."""
    names = [host, *(_DOCKER_HUB_KEYS if host == DOCKER_HUB_HOST else ())]
    parts = repository.split("/")
    paths = ["/".join(parts[:end]) for end in range(len(parts), 0, -1)]
    scoped = [f"{name}/{path}" for path in paths for name in names if "://" not in name]
    urls = [f"https://{host}{path}" for path in ("", "/", "/v1/", "/v2/")]
    return [*scoped, *names, *urls]


def _find_in(path: Path, keys: list[str], store_key: str) -> Credentials | None:
    config = _read(path)
    helpers = _section(config, "credHelpers")
    auths = _section(config, "auths")
    store = config.get("credsStore")
    for key in keys:
        if isinstance(helpers.get(key), str):
            return _ask_helper(helpers[key], key)
        is_in_store = key in auths or key == store_key
        if store and is_in_store and (found := _ask_helper(str(store), key)):
            return found
        if isinstance(auths.get(key), dict) and (found := _decode(path, key, auths[key])):
            return found
    return None


def _read(path: Path) -> JSONObject:
    try:
        document = parse_json(path.read_bytes())
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise ValidationError(f"{path} is not a docker configuration: not a JSON object")
    return document


def _section(config: JSONObject, name: str) -> JSONObject:
    section = config.get(name)
    return section if isinstance(section, dict) else {}


def _decode(path: Path, key: str, entry: JSONObject) -> Credentials | None:
    if isinstance(entry.get("identitytoken"), str) and entry["identitytoken"]:
        return Credentials(identity_token=entry["identitytoken"])
    auth = entry.get("auth")
    if not isinstance(auth, str) or not auth:
        return None
    try:
        username, colon, password = base64.b64decode(auth, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        colon = ""
    if not colon:
        raise ValidationError(
            f"invalid auth for {key} in {path}: not user:password in base64. Log in again."
        )
    # docker pads passwords with NUL bytes in some versions.
    return Credentials(username, password.rstrip("\0"))


def _ask_helper(helper: str, key: str) -> Credentials | None:
    """Return the credentials that a credential helper has for a registry, if any.

    https://github.com/docker/docker-credential-helpers
    """
    # Imported where it is used: most Lambda functions never need it.
    import subprocess

    program = f"docker-credential-{helper}"
    try:
        result = subprocess.run(  # noqa: S603 - a program that the user has configured
            [program, "get"],
            input=key.encode(),
            capture_output=True,
            timeout=_HELPER_TIMEOUT_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        raise ValidationError(
            f"cannot get the credentials for {key}: {program}, which docker's configuration "
            "names, is not installed"
        ) from None
    except subprocess.TimeoutExpired:
        raise ValidationError(
            f"cannot get the credentials for {key}: {program} did not respond within "
            f"{_HELPER_TIMEOUT_SECONDS} seconds"
        ) from None
    if not result.returncode:
        return _parse_helper(program, result.stdout)
    reason = (result.stdout or result.stderr).decode(errors="replace").strip()
    if "not found" in reason:
        return None
    raise ValidationError(f"cannot get the credentials for {key}: {program} failed: {reason}")


def _parse_helper(program: str, output: bytes) -> Credentials:
    try:
        document: Any = json.loads(output)
        username, secret = document["Username"], document["Secret"]
    except (ValueError, TypeError, KeyError):
        raise ValidationError(
            f"invalid output of {program}: not a JSON object with Username and Secret"
        ) from None
    if username == _IDENTITY_USER:
        return Credentials(identity_token=secret)
    return Credentials(username, secret)
