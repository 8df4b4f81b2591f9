"""Connections to registries: credentials, redirects and proxies."""

from __future__ import annotations

from aibs_informatics_aws_lambda.handlers.ecr.manifest import Descriptor
from aibs_informatics_aws_lambda.handlers.ecr.registry.connection import RegistryConnection
from aibs_informatics_aws_lambda.handlers.ecr.registry.distribution import (
    DistributionBlobs,
    DistributionRegistryClient,
)
from registry import digest_of

LAYER = b"layer"


def test_credentials_are_not_sent_to_the_target_of_a_redirect(source, name, proxy_of, fault):
    source.push_blob(name, LAYER)
    storage = proxy_of(source)
    path = f"/v2/{name}/blobs/{digest_of(LAYER)}"
    there = proxy_of(
        source, fault("GET", path, status=307, headers=(("Location", storage.url + path),))
    )

    blobs = DistributionBlobs(RegistryConnection(there.url, lambda: "Basic c2VjcmV0"), name)
    blob = Descriptor(digest_of(LAYER), len(LAYER))

    assert b"".join(blobs.read(blob, 0)) == LAYER
    assert there.requests[0][2]["Authorization"] == "Basic c2VjcmV0"
    assert "Authorization" not in storage.requests[0][2]


def test_credentials_are_not_sent_to_another_host_of_an_upload_session(
    source, target, name, proxy_of, fault
):

    elsewhere = proxy_of(target)
    opened = target.open_upload(name).replace(target.url, elsewhere.url)
    here = proxy_of(target, fault("POST", "", status=202, headers=(("Location", opened),)))
    blobs = DistributionBlobs(RegistryConnection(here.url, lambda: "Basic c2VjcmV0"), name)
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
