from __future__ import annotations

import base64
import json
import stat

import pytest
from aibs_informatics_aws_lambda.common.exceptions import AWSError, ValidationError
from aibs_informatics_aws_lambda.handlers.ecr.credentials import (
    Credentials,
    find_docker_credentials,
    read_secret,
)

USER = Credentials("user", "secret:with:colons")


def encode(user):
    return {"auth": base64.b64encode(f"{user.username}:{user.password}".encode()).decode()}


@pytest.fixture(autouse=True)
def configure(tmp_path, monkeypatch):
    """Write docker's configuration."""
    for variable in ("REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))

    def configure(document, path="config.json"):
        text = document if isinstance(document, str) else json.dumps(document)
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
        return tmp_path / path

    return configure


@pytest.fixture
def helper(tmp_path, monkeypatch):
    """Install a credential helper."""

    def install(name, script):
        program = tmp_path / "bin" / f"docker-credential-{name}"
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", str(program.parent), prepend=":")

    return install


@pytest.mark.parametrize(
    ("key", "host"),
    [
        ("ghcr.io", "ghcr.io"),
        ("https://ghcr.io", "ghcr.io"),
        ("https://ghcr.io/v2/", "ghcr.io"),
        ("localhost:5000", "localhost:5000"),
        ("https://index.docker.io/v1/", "registry-1.docker.io"),
        ("docker.io", "registry-1.docker.io"),
        ("quay.io/team/image", "quay.io"),
        ("quay.io/team", "quay.io"),
    ],
)
def test_credentials_are_found_by_the_keys_of_docker_and_podman(configure, key, host):
    configure({"auths": {key: encode(USER), "other.example": encode(Credentials("x", "y"))}})

    assert find_docker_credentials(host, "team/image") == USER


def test_most_specific_key_takes_precedence(configure):
    configure({"auths": {"quay.io": encode(Credentials("x", "y")), "quay.io/team": encode(USER)}})

    assert find_docker_credentials("quay.io", "team/image") == USER
    assert find_docker_credentials("quay.io", "other/image") == Credentials("x", "y")


@pytest.mark.parametrize(
    "document", [{}, {"auths": {}}, {"auths": {"ghcr.io": {}}}, {"auths": [], "credHelpers": 1}]
)
def test_configuration_without_credentials(configure, document):
    configure(document)

    assert find_docker_credentials("ghcr.io", "team/image") is None


def test_missing_configuration():
    assert find_docker_credentials("ghcr.io", "team/image") is None


def test_identity_token(configure):
    configure({"auths": {"ghcr.io": {"auth": "", "identitytoken": "token"}}})

    found = find_docker_credentials("ghcr.io", "team/image")

    assert found == Credentials(identity_token="token")


@pytest.mark.parametrize("variable", ["REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR"])
def test_files_of_podman_and_skopeo_take_precedence(configure, monkeypatch, tmp_path, variable):
    configure({"auths": {"ghcr.io": encode(Credentials("docker", "x"))}})
    path = configure({"auths": {"ghcr.io": encode(USER)}}, "run/containers/auth.json")
    values = {"REGISTRY_AUTH_FILE": path, "XDG_RUNTIME_DIR": tmp_path / "run"}
    monkeypatch.setenv(variable, str(values[variable]))

    assert find_docker_credentials("ghcr.io", "team/image") == USER


@pytest.mark.parametrize(
    ("document", "shown"),
    [
        ("no json", "config.json is not a docker configuration"),
        ("[]", "config.json is not a docker configuration"),
        ({"auths": {"ghcr.io": {"auth": "?"}}}, "invalid auth for ghcr.io in .*config.json"),
        ({"auths": {"ghcr.io": {"auth": "bm9jb2xvbg=="}}}, "not user:password in base64"),
    ],
)
def test_invalid_configuration_is_reported_with_its_path(configure, document, shown):
    configure(document)

    with pytest.raises(ValidationError, match=shown):
        find_docker_credentials("ghcr.io", "team/image")


@pytest.mark.parametrize(
    "document",
    [
        {"credHelpers": {"ghcr.io": "test"}},
        {"credsStore": "test"},
        {"credsStore": "test", "auths": {"ghcr.io": {}}},
    ],
)
def test_credential_helper(configure, helper, document):
    configure(document)
    helper(
        "test",
        """read key; test "$key" = ghcr.io || exit 1
        echo '{"ServerURL": "ghcr.io", "Username": "user", "Secret": "secret:with:colons"}'""",
    )

    assert find_docker_credentials("ghcr.io", "team/image") == USER


def test_identity_token_of_a_credential_helper(configure, helper):
    configure({"credsStore": "test"})
    helper("test", """echo '{"Username": "<token>", "Secret": "token"}'""")

    found = find_docker_credentials("registry-1.docker.io", "library/python")

    assert found == Credentials(identity_token="token")


def test_credential_helper_without_credentials(configure, helper):
    configure({"credsStore": "test"})
    helper("test", "echo 'credentials not found in native keychain'; exit 1")

    assert find_docker_credentials("ghcr.io", "team/image") is None


@pytest.mark.parametrize(
    ("script", "shown"),
    [
        ("echo 'keychain is locked'; exit 1", "docker-credential-test failed: keychain is locked"),
        ("echo nothing", "invalid output of docker-credential-test"),
    ],
)
def test_failure_of_a_credential_helper_is_reported(configure, helper, script, shown):
    configure({"credHelpers": {"ghcr.io": "test"}})
    helper("test", script)

    with pytest.raises(ValidationError, match=shown):
        find_docker_credentials("ghcr.io", "team/image")


def test_missing_credential_helper_is_reported(configure):
    configure({"credHelpers": {"ghcr.io": "absent"}})

    with pytest.raises(ValidationError, match=r"docker-credential-absent.* is not installed"):
        find_docker_credentials("ghcr.io", "team/image")


@pytest.mark.parametrize("key", ["password", "accessToken"])
def test_secret_of_secrets_manager(aws, key):
    secret = {"username": USER.username, key: USER.password}
    made = aws.client("secretsmanager").create_secret(Name="hub", SecretString=json.dumps(secret))

    assert read_secret("hub") == USER
    assert read_secret(made["ARN"]) == USER


@pytest.mark.parametrize("text", ["", "secret", "[]", "{}", '{"username": "user"}'])
def test_invalid_secret_is_reported_without_its_value(aws, text):
    client = aws.client("secretsmanager")
    client.create_secret(Name="hub", SecretBinary=b"x") if not text else client.create_secret(
        Name="hub", SecretString=text
    )

    with pytest.raises(ValidationError) as caught:
        read_secret("hub")

    assert str(caught.value).startswith("the secret hub is not a JSON object with username")


def test_missing_secret_is_reported(aws):
    with pytest.raises(AWSError, match="cannot read the secret absent"):
        read_secret("absent")
