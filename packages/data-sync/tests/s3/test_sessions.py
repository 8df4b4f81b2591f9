"""Roles that are assumed for one side of a sync, or for all requests."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from aibs_informatics_aws_lambda.common.exceptions import AWSError
from aibs_informatics_aws_lambda.handlers.data_sync.s3.botocore_client import s3_client
from aibs_informatics_aws_lambda.handlers.data_sync.s3.endpoint import (
    Endpoint,
    find_endpoint,
    make_credentials,
)
from aibs_informatics_aws_lambda.storage.data_sync import S3Connection
from pydantic import ValidationError
from tables import table

ROLE = "arn:aws:iam::210987654321:role/reader"
CALLER = "arn:aws:iam::123456789012:user/ada"
NAMESPACE = 'xmlns="https://sts.amazonaws.com/doc/2011-06-15/"'


@dataclass
class Sts:
    """A security token service.

    Args:
        refusal: the code of the error that roles are refused with.
        minutes: how long credentials are valid.
        calls: the parameters of the requests to assume a role, and the key that signed each.
    """

    refusal: str = ""
    minutes: int = 60
    calls: list[dict[str, str]] = field(default_factory=list)

    def respond(self, parameters: dict[str, str]) -> tuple[int, str]:
        if parameters["Action"] == "GetCallerIdentity":
            return 200, _result("GetCallerIdentity", f"<Arn>{CALLER}</Arn>")
        self.calls.append(parameters)
        if self.refusal:
            return 403, (
                f"<ErrorResponse {NAMESPACE}><Error><Code>{self.refusal}</Code>"
                "<Message>It is a test</Message></Error></ErrorResponse>"
            )
        end = (datetime.now(UTC) + timedelta(minutes=self.minutes)).isoformat()
        credentials = (
            f"<Credentials><AccessKeyId>ROLE{len(self.calls)}</AccessKeyId>"
            "<SecretAccessKey>secret</SecretAccessKey><SessionToken>token</SessionToken>"
            f"<Expiration>{end}</Expiration></Credentials>"
        )
        return 200, _result("AssumeRole", credentials)


def _result(action: str, body: str) -> str:
    return (
        f"<{action}Response {NAMESPACE}><{action}Result>{body}</{action}Result></{action}Response>"
    )


@pytest.fixture
def sts(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sts]:
    held = Sts()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            parameters = {name: values[0] for name, values in parse_qs(body).items()}
            signature = self.headers["Authorization"]
            key, _, region = signature.partition("Credential=")[2].split("/")[:3]
            status, text = held.respond({**parameters, "key": key, "region": region})
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing: the tests' output is theirs."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "CALLER")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    yield held
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def profile(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], None]:
    """Write the AWS configuration."""

    def write(text: str) -> None:
        config = tmp_path / "config"
        config.write_text(text)
        monkeypatch.setenv("AWS_CONFIG_FILE", str(config))

    return write


def key_in_use(connection: S3Connection | None = None) -> str:
    credentials = make_credentials(connection).get_credentials().result()
    assert credentials.session_token in ("token", None)
    return str(credentials.access_key_id)


def test_role_is_assumed_with_its_session_name_and_external_id(sts: Sts):
    connection = S3Connection(
        role_arn=ROLE, role_session_name="night", external_id="7f3", region="eu-west-1"
    )
    assert key_in_use(connection) == "ROLE1"
    [call] = sts.calls
    assert call["RoleArn"] == ROLE
    assert (call["RoleSessionName"], call["ExternalId"]) == ("night", "7f3")
    assert (call["key"], call["region"]) == ("CALLER", "eu-west-1")


def test_role_of_the_environment_is_assumed_for_all_requests(
    sts: Sts, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("DATA_SYNC_ROLE_ARN", ROLE)
    monkeypatch.setenv("DATA_SYNC_EXTERNAL_ID", "7f3")
    assert key_in_use() == "ROLE1"
    assert sts.calls[0]["RoleSessionName"] == "data-sync"
    assert sts.calls[0]["ExternalId"] == "7f3"
    signer = s3_client()._request_signer
    assert signer._credentials.access_key == "ROLE2"


def test_role_of_a_profile_is_assumed_with_its_credentials(sts: Sts, profile):
    profile("[profile lab]\naws_access_key_id = LAB\naws_secret_access_key = s\n")
    assert key_in_use(S3Connection(profile="lab")) == "LAB"
    assert key_in_use(S3Connection(profile="lab", role_arn=ROLE)) == "ROLE1"
    assert sts.calls[0]["key"] == "LAB"


def test_credentials_of_a_role_are_renewed_before_they_expire(sts: Sts):
    sts.minutes = 5
    credentials = make_credentials(S3Connection(role_arn=ROLE))
    sts.minutes = 60
    assert credentials.get_credentials().result().access_key_id == "ROLE2"
    assert credentials.get_credentials().result().access_key_id == "ROLE2"


def test_refused_role_is_named_with_its_caller(sts: Sts):
    sts.refusal = "AccessDenied"
    with pytest.raises(AWSError) as raised:
        make_credentials(S3Connection(role_arn=ROLE))
    assert str(raised.value) == (
        f"cannot assume the role {ROLE} as {CALLER}: AccessDenied: It is a test. Grant "
        f"sts:AssumeRole on the role to {CALLER}, and allow it in the trust policy of the role, "
        "and check whether it requires an external ID"
    )


def test_other_refusals_have_their_own_remedy(sts: Sts):
    sts.refusal = "InvalidClientTokenId"
    with pytest.raises(AWSError, match=f"role {ROLE} as .*: InvalidClientTokenId.*access key ID"):
        make_credentials(S3Connection(role_arn=ROLE))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_refusal_in_the_middle_is_logged(sts: Sts, caplog):
    sts.minutes = 5
    credentials = make_credentials(S3Connection(role_arn=ROLE))
    sts.refusal = "AccessDenied"
    assert credentials.get_credentials().exception() is not None
    assert f"cannot assume the role {ROLE}" in caplog.text


def test_missing_profile_is_an_error(profile):
    profile("[profile lab]\nregion = eu-west-1\n")
    with pytest.raises(AWSError, match=r"profile \(nowhere\) could not be found.*AWS_PROFILE"):
        find_endpoint(S3Connection(profile="nowhere"))


SERVICES = (
    "[profile lab]\nservices = local\nregion = eu-west-1\n"
    "[services local]\ns3 =\n  endpoint_url = http://127.0.0.1:9000\n"
)


@table(
    "settings, environment, found",
    {
        "services of a profile": (
            {"profile": "lab"},
            "http://127.0.0.1:1",
            Endpoint("http://127.0.0.1:9000", "eu-west-1", is_custom=True),
        ),
        "an endpoint of its own": (
            {"profile": "lab", "endpoint_url": "http://127.0.0.1:2", "region": "us-east-2"},
            "http://127.0.0.1:1",
            Endpoint("http://127.0.0.1:2", "us-east-2", is_custom=True),
        ),
        "a profile without one": (
            {"profile": "bare"},
            "http://127.0.0.1:1",
            Endpoint("http://127.0.0.1:1", "us-west-2", is_custom=True),
        ),
        "AWS": (
            {"profile": "bare", "region": "eu-west-3"},
            None,
            Endpoint("https://s3.eu-west-3.amazonaws.com", "eu-west-3"),
        ),
        "another region": (
            {"region": "eu-west-3"},
            None,
            Endpoint("https://s3.eu-west-3.amazonaws.com", "eu-west-3"),
        ),
        "another region of the same endpoint": (
            {"region": "eu-west-3"},
            "http://127.0.0.1:1",
            Endpoint("http://127.0.0.1:1", "eu-west-3", is_custom=True),
        ),
    },
)
def test_profile_of_a_side_takes_precedence_over_the_environment(
    profile, monkeypatch: pytest.MonkeyPatch, settings, environment, found
):
    profile(f"{SERVICES}[profile bare]\n")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    if environment:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", environment)
    assert find_endpoint(S3Connection(**settings)) == found


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"])
def test_endpoint_without_a_scheme_is_named(monkeypatch: pytest.MonkeyPatch, variable):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    monkeypatch.setenv(variable, "127.0.0.1:9000")
    with pytest.raises(AWSError, match=f"{variable} is '127.0.0.1:9000', not a URL that starts"):
        find_endpoint()


def test_role_of_the_environment_must_be_one(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DATA_SYNC_ROLE_ARN", "reader")
    with pytest.raises(AWSError, match="DATA_SYNC_ROLE_ARN is 'reader': not the ARN of a role"):
        make_credentials()


@table(
    "field, value, message",
    {
        "role": ("role_arn", "arn:aws:iam::1:user/x", "not the ARN of a role"),
        "endpoint": ("endpoint_url", "localhost:9000", "starts with http:// or https://"),
        "password": ("endpoint_url", "http://a:b@localhost", "user name or password"),
        "region": ("region", "us west", "not a region name"),
        "session": ("role_session_name", "a b", "not 2 to 64 letters"),
        "external ID": ("external_id", "x y", "not 2 to 1,224 letters"),
    },
)
def test_invalid_connections_are_refused(field, value, message):
    with pytest.raises(ValidationError, match=message):
        S3Connection(**{field: value})


def test_unsigned_side_has_no_credentials():
    assert make_credentials(S3Connection(no_sign_request=True)) is None
