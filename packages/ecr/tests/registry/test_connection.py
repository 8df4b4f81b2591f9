"""Connections to registries: credentials, redirects and proxies."""

from __future__ import annotations

import gzip

import pytest
from aibs_informatics_aws_lambda.handlers.ecr.manifest import Descriptor
from aibs_informatics_aws_lambda.handlers.ecr.registry.authorization import StaticAuthorizer
from aibs_informatics_aws_lambda.handlers.ecr.registry.connection import RegistryConnection
from aibs_informatics_aws_lambda.handlers.ecr.registry.distribution import (
    DistributionBlobs,
    DistributionRegistryClient,
)
from aibs_informatics_aws_lambda.handlers.ecr.registry.protocol import RegistryError
from registry import digest_of

LAYER = b"layer"
AUTHORIZER = StaticAuthorizer(lambda: "Basic c2VjcmV0", "Grant it.")


def test_credentials_are_not_sent_to_the_target_of_a_redirect(source, name, proxy_of, fault):
    source.push_blob(name, LAYER)
    storage = proxy_of(source)
    path = f"/v2/{name}/blobs/{digest_of(LAYER)}"
    there = proxy_of(
        source, fault("GET", path, status=307, headers=(("Location", storage.url + path),))
    )

    blobs = DistributionBlobs(RegistryConnection(there.url, AUTHORIZER), name)
    blob = Descriptor(digest_of(LAYER), len(LAYER))

    assert b"".join(blobs.read(blob, 0)) == LAYER
    assert there.requests[0][2]["Authorization"] == "Basic c2VjcmV0"
    assert "Authorization" not in storage.requests[0][2]


@pytest.mark.parametrize("status", [401, 403])
def test_denied_request_is_reported_with_the_advice_of_the_authorizer(
    source, name, proxy_of, fault, status
):
    there = proxy_of(source, fault("GET", "", status=status))

    with pytest.raises(RegistryError, match=rf"returned {status}\. Grant it\.$"):
        RegistryConnection(there.url, AUTHORIZER).request("read", "GET", "/v2/", expect=(200,))


def test_credentials_are_not_sent_to_another_host_of_an_upload_session(
    source, target, name, proxy_of, fault
):

    elsewhere = proxy_of(target)
    opened = target.open_upload(name).replace(target.url, elsewhere.url)
    here = proxy_of(target, fault("POST", "", status=202, headers=(("Location", opened),)))
    blobs = DistributionBlobs(RegistryConnection(here.url, AUTHORIZER), name)
    blob = Descriptor(digest_of(LAYER), len(LAYER))

    upload = blobs.start_upload(blob, None)
    upload.send([LAYER], len(LAYER))
    upload.commit(blob.digest)

    assert target.blob(name, digest_of(LAYER)) == LAYER
    assert here.requests[0][2]["Authorization"] == "Basic c2VjcmV0"
    assert not any("Authorization" in headers for _, _, headers in elsewhere.requests)


def test_configured_proxy_is_used(source, name, proxy_of, monkeypatch):
    proxy = proxy_of(source)
    monkeypatch.setenv("http_proxy", proxy.url)
    digest = source.push_image(name, LAYER, tag="v1")

    manifest = DistributionRegistryClient(source.url, name).get_manifest("v1")

    assert manifest.digest == digest
    assert {path.partition("/v2/")[0] for _, path, _ in proxy.requests} == {source.url}


def test_proxy_is_bypassed_for_the_hosts_of_no_proxy(source, name, proxy_of, monkeypatch):
    proxy = proxy_of(source)
    monkeypatch.setenv("http_proxy", proxy.url)
    monkeypatch.setenv("no_proxy", source.host)
    source.push_image(name, LAYER, tag="v1")

    DistributionRegistryClient(source.url, name).get_manifest("v1")

    assert not proxy.requests


class TestRateLimits:
    HEADERS = (
        ("RateLimit-Limit", "100;w=21600"),
        ("RateLimit-Remaining", "0;w=21600"),
        ("Retry-After", "3600"),
    )
    BODY = b'{"errors": [{"code": "TOOMANYREQUESTS", "message": "pull rate limit reached"}]}'

    def test_exceeded_limit_is_reported_at_once_with_its_headers(
        self, source, name, proxy_of, fault
    ):
        limited = fault("GET", "", status=429, headers=self.HEADERS, body=self.BODY, times=9)
        there = proxy_of(source, limited)

        with pytest.raises(
            RegistryError,
            match=r"429 TOOMANYREQUESTS: pull rate limit reached\. The rate limit of the registry "
            r"is exceeded \(100 requests per 21600 seconds, 0 remaining\)\. Retry after 3600 "
            "seconds, or log in",
        ):
            DistributionRegistryClient(there.url, name).get_manifest("v1")

        assert len(there.requests) == 1

    def test_short_wait_is_honored(self, source, name, proxy_of, fault, clock):
        digest = source.push_image(name, LAYER, tag="v1")
        busy = fault("GET", "", status=429, headers=(("Retry-After", "1"),))
        there = proxy_of(source, busy)

        assert DistributionRegistryClient(there.url, name).get_manifest("v1").digest == digest
        assert clock.sleeps == [1]

    def test_limit_without_headers_is_reported(self, source, name, proxy_of, fault, clock):
        there = proxy_of(source, fault("GET", "", status=429, times=9))

        with pytest.raises(RegistryError, match=r"429\. The rate limit .* exceeded\. Retry later"):
            DistributionRegistryClient(there.url, name).get_manifest("v1")

        assert len(clock.sleeps) >= 7


class TestConnectionErrors:
    def test_registry_without_tls_is_reported_with_the_remedy(self, source):
        connection = RegistryConnection(f"https://{source.host}")

        with pytest.raises(RegistryError, match=r"SSL.*, give its URL with http://\.$"):
            connection.request("read it", "GET", "/v2/", expect=(200,))

    def test_refused_connection_is_reported_without_the_connection(self):
        connection = RegistryConnection("http://127.0.0.1:9")
        message = "no response from http://127.0.0.1:9: Failed to establish a new connection: "

        with pytest.raises(RegistryError, match=message):
            connection.request("read it", "GET", "/v2/", expect=(200,))


class TestPages:
    def test_all_pages_are_read(self, source, name, proxy_of, fault):
        source.push_image(name, LAYER, tag="last")
        path = f"/v2/{name}/tags/list"
        pages = [
            fault("GET", f"{path}$", status=200, headers=(("Link", f'<{path}?n=1>; rel="next"'),)),
            fault("GET", r"n=1$", status=200, headers=(("Link", "<list?n=2>; rel=next"),)),
        ]
        there = proxy_of(source, *pages)

        found = list(RegistryConnection(there.url).pages("list tags", path, expect=(200,)))

        assert there.made("GET") == [path, f"{path}?n=1", f"{path}?n=2"]
        assert b'"last"' in found[-1].body

    @pytest.mark.parametrize("link", ["{path}", "http://127.0.0.1:9{path}?n=2"])
    def test_repeated_page_and_page_of_another_host_are_errors(
        self, source, name, proxy_of, fault, link
    ):
        path = f"/v2/{name}/tags/list"
        headers = (("Link", f'<{link.format(path=path)}>; rel="next"'),)
        there = proxy_of(source, fault("GET", path, status=200, headers=headers, times=9))

        with pytest.raises(RegistryError, match="cannot list tags: invalid or endless pages"):
            list(RegistryConnection(there.url).pages("list tags", path, expect=(200,)))

        assert len(there.requests) == 1


class TestBody:
    LIMIT = 4 << 20

    def body_of(self, registry, name):
        connection = RegistryConnection(registry.url)
        return connection.request("read it", "GET", f"/v2/{name}/x", expect=(200,)).body

    def test_body_up_to_the_limit_is_read(self, source, name, proxy_of, fault):
        there = proxy_of(source, fault("GET", "", status=200, body=b"x" * self.LIMIT))

        assert len(self.body_of(there, name)) == self.LIMIT

    def test_larger_body_is_an_error(self, source, name, proxy_of, fault):
        there = proxy_of(source, fault("GET", "", status=200, body=b"x" * (self.LIMIT + 1)))

        with pytest.raises(RegistryError, match=r"cannot read it: .* more than 4 MiB"):
            self.body_of(there, name)

    def test_body_of_a_response_without_one_is_not_read(self, source, name, proxy_of, fault):
        lengths = (("Content-Length", "0, 0"),)
        there = proxy_of(source, fault("GET", "", status=200, body=b"stray", headers=lengths))
        connection = RegistryConnection(there.url)

        read = [
            connection.request("read it", "GET", f"/v2/{name}/x", expect=expect)
            for expect in ((200,), (404,))
        ]

        assert [(one.status, bool(one.body)) for one in read] == [(200, False), (404, True)]

    def test_compressed_body_is_decompressed(self, source, name, proxy_of, fault):
        compressed = fault(
            "GET",
            "",
            status=200,
            body=gzip.compress(b"manifest"),
            headers=(("Content-Encoding", "gzip"),),
        )

        assert self.body_of(proxy_of(source, compressed), name) == b"manifest"

    @pytest.mark.parametrize(
        ("body", "message"),
        [
            (gzip.compress(bytes(LIMIT + 1)), "more than 4 MiB"),
            (b"no gzip", "is not valid gzip"),
        ],
        ids=["too large", "invalid"],
    )
    def test_compressed_body_that_is_too_large_or_invalid_is_an_error(
        self, source, name, proxy_of, fault, body, message
    ):
        headers = (("Content-Encoding", "gzip"),)
        there = proxy_of(source, fault("GET", "", status=200, body=body, headers=headers))

        with pytest.raises(RegistryError, match=message):
            self.body_of(there, name)

    def test_endless_redirects_are_an_error(self, source, name, proxy_of, fault):
        there = proxy_of(source)
        headers = (("Location", f"{there.url}/v2/{name}/x"),)
        there.faults.append(fault("GET", "", status=307, headers=headers, times=99))

        with pytest.raises(RegistryError, match="too many redirects"):
            self.body_of(there, name)

        assert len(there.requests) < 10
