"""Logins: a real registry with Basic authorization, and a token server in front of another one."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

import pytest
from aibs_informatics_aws_lambda.handlers.ecr.credentials import Credentials
from aibs_informatics_aws_lambda.handlers.ecr.registry.authorization import ChallengeAuthorizer
from aibs_informatics_aws_lambda.handlers.ecr.registry.distribution import (
    DistributionRegistryClient,
)
from aibs_informatics_aws_lambda.handlers.ecr.registry.protocol import RegistryError
from aibs_informatics_aws_lambda.handlers.ecr.replication import Replication, make_plan
from registry import digest_of, registry_server

USER = Credentials("user", "secret")
# bcrypt of "secret".
HTPASSWD = "user:$2b$04$B96Wj412X4kebCkn22Mhie8TmnbuDy2UpAyztP7eDq9rwnVwj9Sqe"
MIB = 1 << 20


def copy(source, target, tag="v1"):
    plan = make_plan(source, source.get_manifest(tag))
    return Replication(source, target).run(plan, [tag])


def client_of(registry, name, credentials=USER):
    return DistributionRegistryClient(registry.url, name, lambda: credentials)


@dataclass
class TokenServer:
    """Issues tokens for scopes, and admits requests with the right ones; see `Proxy.guard`."""

    fault: Callable
    url: str
    expires_in: int | None = 300
    allow: tuple[str, ...] = ("pull", "push")
    anonymous: bool = False
    refresh_token: str = ""
    private: str = ""
    is_strict: bool = False
    issued: dict[str, set[str]] = field(default_factory=dict)
    asked: list[list[str]] = field(default_factory=list)
    challenges: int = 0

    def __call__(self, path, headers, form):
        url = urlsplit(path)
        if url.path == "/token":
            return self.issue(parse_qs(url.query or form.decode()), headers)
        repository = url.path.removeprefix("/v2/").partition("/blobs/")[0].partition("/man")[0]
        wanted = [f"repository:{repository}:{self.action_of(path)}"]
        if "mount=" in url.query:
            wanted.append(f"repository:{parse_qs(url.query)['from'][0]}:pull")
        token = headers.get("Authorization", "").removeprefix("Bearer ")
        if set(wanted) <= self.issued.get(token, set()):
            return None
        self.challenges += 1
        challenge = f'Bearer realm="{self.url}/token",service="test",scope="{" ".join(wanted)}"'
        return self.fault("", "", status=401, headers=(("WWW-Authenticate", challenge),))

    def action_of(self, path):
        return "pull,push" if "/uploads/" in path else "pull"

    def is_granted(self, scope):
        _, repository, actions = scope.split(":")
        return repository != self.private and set(actions.split(",")) <= set(self.allow)

    def issue(self, query, headers):
        basic = f"Basic {base64.b64encode(b'user:secret').decode()}"
        by_token = query.get("refresh_token") == [self.refresh_token] and self.refresh_token
        if not (self.anonymous or by_token or headers.get("Authorization") == basic):
            return self.fault("", "", status=401, body=b"bad credentials")
        assert query["service"] == ["test"]
        scopes = query.get("scope", [])
        self.asked.append(scopes)
        granted = {one for one in scopes if self.is_granted(one)}
        if self.is_strict and len(granted) < len(scopes):
            return self.fault("", "", status=403, body=b"no access")
        token = f"token-{len(self.issued)}"
        self.issued[token] = granted
        answer = {"token" if len(self.issued) % 2 else "access_token": token}
        if self.expires_in is not None:
            answer["expires_in"] = self.expires_in
        return self.fault("", "", status=200, body=json.dumps(answer).encode())


@pytest.fixture
def guarded(proxy_of, fault):
    """Put a token server in front of a registry."""

    def guard(registry, **options):
        proxy = proxy_of(registry)
        proxy.guard = TokenServer(fault, proxy.url, **options)
        return proxy

    return guard


@pytest.fixture(scope="module")
def private(tmp_path_factory):
    """A registry that requires a login."""
    try:
        with registry_server(tmp_path_factory.mktemp("private"), HTPASSWD) as registry:
            yield registry
    except FileNotFoundError as error:
        pytest.skip(str(error))


class TestBasic:
    def test_images_are_copied_to_and_from_a_registry_with_a_login(
        self, source, target, private, name
    ):
        layer = bytes(range(256)) * (3 * MIB // 256)
        digest = source.push_image(name, layer, b"small layer", tag="v1")

        copy(client_of(source, name), client_of(private, name))
        copy(client_of(private, name), client_of(target, name))

        assert target.tags(name) == {"v1": digest}
        assert target.blob(name, digest_of(layer)) == layer

    @pytest.mark.parametrize(
        ("credentials", "advice"),
        [
            (None, r"If it requires a login, run docker login 127\.0\.0\.1:\d+"),
            (Credentials("user", "wrong"), "Check the credentials"),
        ],
    )
    def test_missing_and_wrong_credentials_are_reported(self, private, name, credentials, advice):
        with pytest.raises(RegistryError, match=rf"401 UNAUTHORIZED.*{advice}"):
            client_of(private, name, credentials).get_manifest("v1")


class TestBearer:
    def test_images_are_copied_to_and_from_a_registry_with_a_token_server(
        self, source, target, name, guarded
    ):
        layer = bytes(range(256)) * (3 * MIB // 256)
        digest = source.push_image(name, layer, b"small layer", tag="v1")
        there, here = guarded(source), guarded(target)

        copy(client_of(there, name), client_of(here, name))

        assert target.tags(name) == {"v1": digest}
        assert target.blob(name, digest_of(layer)) == layer
        pull, push = f"repository:{name}:pull", f"repository:{name}:pull,push"
        assert there.guard.asked == [[pull]]
        assert here.guard.asked == [[pull], [pull, push]], "one token for many requests"

    def test_concurrent_requests_get_one_challenge_for_reading_and_one_for_writing(
        self, source, target, name, guarded
    ):
        layers = [bytes([number]) * 100 for number in range(20)]
        digest = source.push_image(name, *layers, tag="v1")
        there, here = guarded(source), guarded(target)

        copy(client_of(there, name), client_of(here, name))

        assert target.tags(name) == {"v1": digest}
        assert (there.guard.challenges, here.guard.challenges) == (1, 2)
        assert (len(there.guard.asked), len(here.guard.asked)) == (1, 2)

    def test_mount_gets_a_token_for_both_repositories(self, source, name, guarded):
        source.push_image(name, b"layer", tag="v1")
        there = guarded(source)

        report = copy(client_of(there, name), client_of(there, f"{name}/copy"))

        assert report.mounted == 2
        assert f"repository:{name}:pull" in there.guard.asked[-1]

    @pytest.mark.parametrize("is_strict", [False, True])
    def test_blobs_are_uploaded_if_the_destination_may_not_read_the_source(
        self, source, name, guarded, is_strict
    ):
        layers = [b"small layer", bytes(range(256)) * (MIB // 256), b"other layer"]
        digest = source.push_image(name, *layers, tag="v1")
        here = guarded(source, private=name, is_strict=is_strict)
        target = client_of(here, f"{name}/copy")
        there = client_of(source, name)
        # The same registry, with other credentials.
        there.registry = target.registry

        report = copy(there, target)

        assert source.tags(f"{name}/copy") == {"v1": digest}
        assert report.mounted == 0
        assert len(here.made("POST", "mount=")) >= len(report.transfers) == 4

    def test_public_image_needs_no_credentials(self, source, name, guarded):
        digest = source.push_image(name, b"layer", tag="v1")
        there = guarded(source, anonymous=True)

        assert client_of(there, name, None).get_manifest("v1").digest == digest
        assert not [
            h for _, path, h in there.requests if "/token" in path and "Authorization" in h
        ]

    def test_identity_token_is_exchanged_by_post(self, source, name, guarded):
        digest = source.push_image(name, b"layer", tag="v1")
        there = guarded(source, refresh_token="identity")
        client = client_of(there, name, Credentials(identity_token="identity"))

        assert client.get_manifest("v1").digest == digest
        assert there.made("POST", "/token")

    def test_wrong_credentials_are_reported_with_the_token_server(self, source, name, guarded):
        there = guarded(source)

        with pytest.raises(
            RegistryError, match=r"cannot log in to .*127.* returned 401 bad cred.*Check the cred"
        ):
            client_of(there, name, Credentials("user", "wrong")).get_manifest("v1")

    def test_missing_permission_ends_in_an_error_after_one_token(
        self, source, target, name, guarded
    ):
        source.push_image(name, b"layer", tag="v1")
        here = guarded(target, allow=("pull",))

        with pytest.raises(RegistryError, match=r"cannot upload the blob .* 401"):
            copy(client_of(source, name), client_of(here, name))

        assert len(here.made("GET", "/token")) <= 3
        assert target.tags(name) == {}

    def test_expired_token_is_renewed_before_the_next_request(
        self, source, name, guarded, monkeypatch
    ):
        source.push_image(name, b"layer", tag="v1")
        there = guarded(source)
        client = client_of(there, name)
        client.get_manifest("v1")
        there.guard.issued.clear()
        now = ChallengeAuthorizer.__module__ + ".time.monotonic"
        monkeypatch.setattr(now, lambda: 1e12)

        client.get_manifest("v1")

        assert len(there.made("GET", "/token")) == 2
        assert len(there.made("GET", "/manifests/")) == 3, "no challenge for the second one"

    def test_revoked_token_is_renewed_after_a_challenge(self, source, name, guarded, monkeypatch):
        source.push_image(name, b"layer", tag="v1")
        there = guarded(source, expires_in=1)
        client = client_of(there, name)
        client.get_manifest("v1")
        there.guard.issued.clear()

        client.get_manifest("v1")

        assert len(there.made("GET", "/token")) == 2

    def test_token_that_expires_before_an_upload_is_renewed_and_the_upload_repeated(
        self, source, target, name, guarded, fault
    ):
        layer = bytes(range(256)) * (3 * MIB // 256)
        digest = source.push_image(name, layer, tag="v1")
        here = guarded(target)
        admit = here.guard
        expired = []

        def expire(path, headers, form):
            if "_state" in path and not expired:
                expired.append(path)
                challenge = f'Bearer realm="{here.url}/token",service="test",scope="other"'
                return fault("", "", status=401, headers=(("WWW-Authenticate", challenge),))
            return admit(path, headers, form)

        here.guard = expire

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(admit, "issue", lambda *_: issue(admit, *_))
            copy(client_of(source, name), client_of(here, name))

        assert target.tags(name) == {"v1": digest}

    @pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"token": ""}'])
    def test_response_without_a_token_is_an_error(self, source, name, proxy_of, fault, body):
        there = proxy_of(source, fault("GET", "/token", status=200, body=body))
        challenge = f'Bearer realm="{there.url}/token"'
        there.faults.append(
            fault("GET", "/manifests/", status=401, headers=(("WWW-Authenticate", challenge),))
        )

        with pytest.raises(RegistryError, match="contains no token"):
            client_of(there, name).get_manifest("v1")


def issue(server, query, headers):
    """Issue a token for the known scopes of a query."""
    query["scope"] = [scope for scope in query.get("scope", []) if scope.count(":") == 2]
    return TokenServer.issue(server, query, headers)


@pytest.mark.parametrize(
    ("registry", "realm"),
    [
        ("https://registry", "http://tokens/"),
        ("https://registry", "ftp://tokens/"),
        ("https://registry", ""),
        ("http://127.0.0.1", "file:///etc/passwd"),
    ],
)
def test_token_server_without_https_is_rejected(registry, realm):
    authorizer = ChallengeAuthorizer(registry, lambda: USER)

    with pytest.raises(RegistryError, match="does not use HTTPS"):
        authorizer.renew(f'Bearer realm="{realm}"', None, lambda *_: pytest.fail("sent"))


def test_credentials_are_not_sent_over_http_to_other_hosts():
    authorizer = ChallengeAuthorizer("http://registry", lambda: USER)

    assert not authorizer.renew('Basic realm="test"', None, lambda *_: pytest.fail("sent"))
    assert authorizer.get_header(lambda *_: pytest.fail("sent")) is None
    assert authorizer.advice().startswith("Credentials are sent over HTTPS only")


@pytest.mark.parametrize(
    ("challenge", "header"),
    [
        ('Basic realm="test"', USER.basic),
        ("BASIC realm=test", USER.basic),
        ("Basic", USER.basic),
        ("Basic, Negotiate", USER.basic),
        ('Bearer realm="https://tokens/", Basic', "Bearer abc"),
        ('Basic realm="a", Bearer realm="https://tokens/",service=x', "Bearer abc"),
        ('Bearer realm="https://tokens/?a=b",scope="repository:x:pull,push"', "Bearer abc"),
        ("Negotiate", None),
        ("", None),
    ],
)
def test_challenge(challenge, header):
    authorizer = ChallengeAuthorizer("https://registry", lambda: USER)
    sent = []

    def send(method, url, headers, body):
        sent.append((method, url, headers, body))
        return b'{"token": "abc"}'

    authorizer.renew(challenge, None, send)

    assert authorizer.get_header(send) == header
    assert len(sent) == (header == "Bearer abc")


def test_password_and_token_are_not_shown():
    shown = repr(Credentials("user", "secret", "token"))

    assert shown == "Credentials(username='user')"
