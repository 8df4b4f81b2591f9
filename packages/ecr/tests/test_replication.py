"""Replication between two real registries."""

from __future__ import annotations

import json
import threading

import pytest
from aibs_informatics_aws_lambda.common.exceptions import ResourceNotFoundError, ValidationError
from aibs_informatics_aws_lambda.handlers.ecr.platforms import Platform
from aibs_informatics_aws_lambda.handlers.ecr.registry.distribution import (
    DistributionRegistryClient,
)
from aibs_informatics_aws_lambda.handlers.ecr.registry.protocol import RegistryError
from aibs_informatics_aws_lambda.handlers.ecr.replication import Replication, make_plan
from registry import INDEX, MANIFEST, digest_of, registry_server

ATTESTS = "vnd.docker.reference.digest"
AMD64 = {"os": "linux", "architecture": "amd64"}
ARM64 = {"os": "linux", "architecture": "arm64"}
UNKNOWN = {"os": "unknown", "architecture": "unknown"}


def replicate(there, here, name, reference, *tags, to="", platforms=(), include_referrers=False):
    """Copy an image between registries or proxies."""
    source = DistributionRegistryClient(there.url, name)
    target = DistributionRegistryClient(here.url, to or name)
    wanted = [Platform(platform) for platform in platforms]
    plan = make_plan(source, source.get_manifest(reference), wanted, include_referrers)
    return Replication(source, target).run(plan, tags)


def push_two_platforms(registry, name, tag="v1"):
    """Store an index of two images and an attestation; return its and their digests."""
    amd64 = registry.push_image(name, b"amd64 layer", platform=AMD64)
    arm64 = registry.push_image(name, b"arm64 layer", platform=ARM64)
    about = registry.push_image(name, b"{}", platform=UNKNOWN)
    index = registry.push_index(
        name,
        {"digest": amd64, "platform": AMD64},
        {"digest": arm64, "platform": ARM64},
        {"digest": about, "platform": UNKNOWN, "annotations": {ATTESTS: amd64}},
        tag=tag,
    )
    return index, amd64, arm64, about


def assert_whole(registry, name, digest):
    """Assert that a manifest exists with everything that it refers to, undamaged."""
    assert digest_of(registry.read(name, digest)) == digest
    manifest = registry.manifest(name, digest)
    for child in manifest.get("manifests", []):
        assert_whole(registry, name, child["digest"])
    for blob in [*manifest.get("layers", []), *filter(None, [manifest.get("config")])]:
        assert digest_of(registry.blob(name, blob["digest"])) == blob["digest"]


def test_image_is_copied_byte_for_byte_with_tags(source, target, name):
    digest = source.push_image(name, b"first layer", b"second layer", tag="theirs")

    report = replicate(source, target, name, digest, "v1", "latest")

    assert target.read(name, digest) == source.read(name, digest)
    assert_whole(target, name, digest)
    assert target.tags(name) == {"latest": digest, "v1": digest}
    assert len(report.transfers) == 3


def test_index_is_copied_with_its_children_and_only_the_index_is_tagged(source, target, name):
    index, amd64, arm64, about = push_two_platforms(source, name)

    report = replicate(source, target, name, index, "v1")

    assert_whole(target, name, index)
    assert target.tags(name) == {"v1": index}
    assert [manifest.digest for manifest in report.plan.manifests] == [amd64, arm64, about, index]


def test_images_that_garbage_collection_took_from_an_index_are_copied_again(
    source, name, tmp_path
):
    index, *images = push_two_platforms(source, name)
    # Not the one of other tests: it collects the garbage of all repositories.
    (tmp_path / "registry").mkdir()
    with registry_server(tmp_path / "registry") as target:
        replicate(source, target, name, index, "v1")

        # It deletes manifests without a tag, those of a tagged index as well.
        target.collect_garbage(tmp_path)
        assert target.tags(name) == {"v1": index}
        assert [target.read(name, image) for image in images] == [None] * 3

        replicate(source, target, name, index, "v1")
        assert_whole(target, name, index)


def test_nested_index_is_copied(source, target, name):
    inner, *_ = push_two_platforms(source, name)
    outer = source.push_index(name, {"digest": inner}, tag="outer")

    replicate(source, target, name, "outer", "v1")

    assert_whole(target, name, outer)
    assert target.tags(name) == {"v1": outer}


def test_index_that_contains_an_index_and_its_image_is_copied(source, target, name):
    image = source.push_image(name, b"shared image", platform=AMD64)
    inner = source.push_index(name, {"digest": image, "platform": AMD64})
    outer = source.push_index(name, {"digest": inner}, {"digest": image, "platform": AMD64})

    report = replicate(source, target, name, outer, "v1")

    assert_whole(target, name, outer)
    assert [manifest.digest for manifest in report.plan.manifests] == [image, inner, outer]


def test_manifests_of_an_index_are_read_and_stored_concurrently(
    source, target, name, proxy_of, fault
):
    images = [source.push_image(name, b"layer %d" % number) for number in range(3)]
    index = source.push_index(name, *({"digest": image} for image in images))
    there, here = proxy_of(source), proxy_of(target)
    readers, writers = (threading.Barrier(3, timeout=120) for _ in range(2))
    # A request for an image passes once there are requests for all of them.
    there.guard = lambda path, *_: path.endswith(tuple(images)) and readers.wait() and None
    here.guard = lambda path, *_: path.endswith(tuple(images)) and writers.wait() and None

    replicate(there, here, name, index, "v1")

    assert_whole(target, name, index)


def test_docker_manifest_is_copied(source, target, name):
    kind = "application/vnd.docker.distribution.manifest.v2+json"
    digest = source.push_image(name, b"layer", tag="v1", mediaType=kind)

    replicate(source, target, name, "v1", "v1")

    assert_whole(target, name, digest)


def test_images_without_layers_and_with_an_empty_layer_are_copied(source, target, name):
    without = source.push_image(name, tag="without")
    empty = source.push_image(name, b"", tag="empty")

    replicate(source, target, name, "without", "without")
    replicate(source, target, name, "empty", "empty")

    assert_whole(target, name, without)
    assert_whole(target, name, empty)


def test_copy_without_tags_is_untagged(source, target, name):
    digest = source.push_image(name, b"layer", tag="theirs")

    replicate(source, target, name, digest)

    assert_whole(target, name, digest)
    assert target.tags(name) == {}


def test_repeated_copy_transfers_nothing(source, target, name, proxy_of):
    index, *_ = push_two_platforms(source, name)
    replicate(source, target, name, index, "v1")
    there, here = proxy_of(source), proxy_of(target)

    report = replicate(there, here, name, index, "v1")

    assert report.bytes_copied == 0
    assert not there.made("GET", "/blobs/")
    assert not here.made("POST")
    assert not here.made("PATCH")
    assert target.tags(name) == {"v1": index}


def test_only_missing_blobs_are_transferred(source, target, name):
    first = source.push_image(name, b"shared layer", tag="first")
    second = source.push_image(name, b"shared layer", b"new layer", tag="second")
    replicate(source, target, name, first, "first")

    report = replicate(source, target, name, second, "second")

    assert [transfer.blob.size for transfer in report.transfers] == [len(b"new layer")]
    assert_whole(target, name, second)


def test_blobs_are_mounted_within_one_registry(source, name, proxy_of):
    digest = source.push_image(name, b"layer to mount", tag="v1")
    proxy = proxy_of(source)

    report = replicate(proxy, proxy, name, digest, "v1", to=f"{name}/copy")

    assert_whole(source, f"{name}/copy", digest)
    assert (report.mounted, report.bytes_copied) == (2, 0)
    assert not proxy.made("PATCH")


def test_rejected_mount_continues_with_the_upload_session_of_the_response(
    source, name, proxy_of, fault
):
    digest = source.push_image(name, b"layer that is not mounted", tag="v1")
    proxy = proxy_of(source)
    # A registry that does not mount the blob starts an upload session.
    opened = source.open_upload(f"{name}/copy")
    headers = (("Location", opened.replace(source.url, proxy.url)),)
    proxy.faults.append(fault("POST", "mount=", status=202, headers=headers))

    report = replicate(proxy, proxy, name, digest, "v1", to=f"{name}/copy")

    assert_whole(source, f"{name}/copy", digest)
    assert (report.mounted, len(report.transfers)) == (1, 2)
    assert len(proxy.made("POST")) == 2, "one per blob"


def test_copy_within_one_repository_adds_tags(source, name):
    digest = source.push_image(name, b"layer", tag="v1")

    report = replicate(source, source, name, digest, "v2")

    assert source.tags(name) == {"v1": digest, "v2": digest}
    assert not report.transfers


def test_tag_moves_from_another_image(source, target, name):
    old = source.push_image(name, b"old", tag="old")
    new = source.push_image(name, b"new", tag="new")
    replicate(source, target, name, old, "v1", "kept")

    replicate(source, target, name, new, "v1")

    assert target.tags(name) == {"kept": old, "v1": new}


def test_missing_digest_is_reported_with_the_image(source, target, name):
    source.push_image(name, b"layer", tag="v1")
    absent = digest_of(b"absent")

    with pytest.raises(ResourceNotFoundError, match=f"{name}@{absent}"):
        replicate(source, target, name, absent, "v1")


def test_foreign_layers_are_neither_looked_up_nor_copied(source, target, name, proxy_of):
    foreign = {
        "mediaType": "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        "digest": digest_of(b"elsewhere"),
        "size": 9,
        "urls": ["https://example.com/layer"],
    }
    layer = source.push_blob(name, b"own layer")
    digest = source.push_image(name, tag="v1", layers=[foreign, layer])
    here = proxy_of(target)

    replicate(source, here, name, digest, "v1")

    assert target.tags(name) == {"v1": digest}
    assert not [path for _, path, _ in here.requests if foreign["digest"] in path]


def test_digest_mismatch_sets_no_tag_and_stores_nothing(source, target, name, proxy_of, fault):
    layer = b"a layer\0 with zeros" * 10
    digest = source.push_image(name, layer, tag="v1")
    there = proxy_of(source, fault("GET", digest_of(layer), damage=True))

    with pytest.raises(RegistryError, match=f"{digest_of(layer)}.*damaged"):
        replicate(there, target, name, digest, "v1")

    assert target.tags(name) == {}
    assert target.read(name, digest) is None
    assert target.blob(name, digest_of(layer)) is None
    assert target.open_uploads(name) == []


def test_damaged_manifest_is_rejected(source, target, name):
    digest = source.push_image(name, b"layer of a damaged manifest", tag="v1")
    stored = source.blob_file(digest)
    stored.write_bytes(stored.read_bytes().replace(b"size", b"Size"))

    for reference in (digest, "v1"):
        with pytest.raises(RegistryError, match=f"damaged in the registry.*not {digest}"):
            replicate(source, target, name, reference, "v1")

    assert target.tags(name) == {}


def test_source_blob_with_the_wrong_size_is_rejected(source, target, name):
    layer = {**source.push_blob(name, b"a layer"), "size": 8}
    digest = source.push_image(name, tag="v1", layers=[layer])

    with pytest.raises(RegistryError, match="7 bytes, and the manifest says 8"):
        replicate(source, target, name, digest, "v1")

    assert target.tags(name) == {}


def test_blob_deleted_after_the_look_up_is_copied_when_the_manifest_is_rejected(
    source, target, name, proxy_of, fault
):
    layer = b"forgotten layer"
    digest = source.push_image(name, layer, tag="v1")
    size = (("Content-Length", str(len(layer))),)
    here = proxy_of(target, fault("HEAD", digest_of(layer), status=200, headers=size))

    report = replicate(source, here, name, digest, "v1")

    assert_whole(target, name, digest)
    assert target.tags(name) == {"v1": digest}
    assert len(report.transfers) == 2


def test_manifest_rejected_twice_for_a_missing_blob_is_an_error(
    source, target, name, proxy_of, fault
):
    layer = b"layer"
    digest = source.push_image(name, layer, tag="v1")
    refusal = json.dumps(
        {"errors": [{"code": "MANIFEST_BLOB_UNKNOWN", "detail": {"digest": digest_of(layer)}}]}
    ).encode()
    here = proxy_of(target, fault("PUT", "/manifests/", times=9, status=400, body=refusal))

    with pytest.raises(RegistryError, match="MANIFEST_BLOB_UNKNOWN"):
        replicate(source, here, name, digest, "v1")

    assert len(here.made("PUT", "/manifests/")) == 2


@pytest.mark.parametrize("named", [digest_of(b"nothing of this image"), "no digest"])
def test_rejection_without_a_blob_of_the_image_is_an_error(
    source, target, name, proxy_of, fault, named
):
    digest = source.push_image(name, b"layer", tag="v1")
    error = {"code": "MANIFEST_BLOB_UNKNOWN", "message": "blob unknown", "detail": named}
    body = json.dumps({"errors": [error]}).encode()
    here = proxy_of(target, fault("PUT", "/manifests/", status=400, body=body))

    with pytest.raises(RegistryError, match=f"put .*{digest}: 400 MANIFEST_BLOB_UNKNOWN: blob un"):
        replicate(source, here, name, digest, "v1")

    assert len(here.made("PUT", "/manifests/")) == 1


def test_blob_stored_under_another_digest_is_an_error(source, target, name, proxy_of, fault):
    digest = source.push_image(name, b"layer", tag="v1")
    other = digest_of(b"other")
    response = fault("PUT", "/uploads/", status=201, headers=(("Docker-Content-Digest", other),))

    with pytest.raises(RegistryError, match=f"stored it as {other}"):
        replicate(source, proxy_of(target, response), name, digest, "v1")

    assert target.tags(name) == {}


def test_tags_are_written_last(source, target, name, proxy_of):
    index, amd64, arm64, about = push_two_platforms(source, name)
    here = proxy_of(target)

    replicate(source, here, name, index, "v1", "v2")

    written = [path.rpartition("/")[2] for path in here.made("PUT", "/manifests/")]
    assert (set(written[:3]), written[3:]) == ({amd64, arm64, about}, ["v1", "v2"])
    last_blob = max(i for i, (_, path, _) in enumerate(here.requests) if "/uploads/" in path)
    first_manifest = min(
        i for i, (m, path, _) in enumerate(here.requests) if m == "PUT" and "/manifests/" in path
    )
    assert last_blob < first_manifest


def test_layers_and_configs_with_urls_are_copied(source, target, name):
    urls = {"urls": ["https://example.com/layer"]}
    layer = {**source.push_blob(name, b"layer with urls"), **urls}
    config = {**source.push_blob(name, b'{"os": "linux"}'), **urls}
    digest = source.push_image(name, tag="v1", layers=[layer], config=config)

    replicate(source, target, name, "v1", "v1")

    assert_whole(target, name, digest)


class TestDamagedBlobs:
    """A blob at the destination that is not the blob of the manifest."""

    LAYER = b"layer that is damaged at the destination of "

    @pytest.fixture
    def layer(self, source, name):
        layer = self.LAYER + name.encode()
        source.push_image(name, layer, tag="v1")
        return layer

    def test_truncated_blob_that_the_registry_does_not_replace_is_an_error(
        self, source, target, name, layer
    ):
        target.push_blob(name, layer)
        target.blob_file(digest_of(layer)).write_bytes(layer[:9])

        with pytest.raises(RegistryError, match=f"{digest_of(layer)} is damaged in .*{name}"):
            replicate(source, target, name, "v1", "v1")

        assert target.tags(name) == {}

    @pytest.mark.parametrize(
        "header", [("Content-Length", "9"), ("Docker-Content-Digest", digest_of(b"other"))]
    )
    def test_blob_with_another_size_or_digest_is_transferred_again(
        self, source, target, name, layer, proxy_of, fault, header
    ):
        target.push_blob(name, layer)
        size = () if header[0] == "Content-Length" else (("Content-Length", str(len(layer))),)
        here = proxy_of(
            target, fault("HEAD", digest_of(layer), status=200, headers=(header, *size))
        )

        report = replicate(source, here, name, "v1", "v1")

        assert digest_of(layer) in {transfer.blob.digest for transfer in report.transfers}
        assert report.damaged == {digest_of(layer)}
        assert len(here.made("HEAD", digest_of(layer))) == 2, "checked again after the transfer"

    def test_blob_that_the_registry_reports_damaged_after_the_transfer_is_an_error(
        self, source, target, name, layer, proxy_of, fault
    ):
        wrong = fault("HEAD", digest_of(layer), status=200, headers=(("Content-Length", "9"),))
        wrong.times = 9
        here = proxy_of(target, wrong)

        with pytest.raises(RegistryError, match=f"{digest_of(layer)} is damaged"):
            replicate(source, here, name, "v1", "v1")

        assert target.tags(name) == {}

    def test_blob_whose_size_the_registry_does_not_state_is_transferred_again(
        self, source, target, name, layer, proxy_of, fault
    ):
        target.push_blob(name, layer)
        chunked = (("Transfer-Encoding", "chunked"),)
        here = proxy_of(
            target, fault("HEAD", digest_of(layer), status=200, headers=chunked, times=9)
        )

        report = replicate(source, here, name, "v1", "v1")

        assert digest_of(layer) in {transfer.blob.digest for transfer in report.transfers}

    def test_blob_whose_storage_denies_the_look_up_is_transferred_again(
        self, source, target, name, layer, proxy_of, fault
    ):
        target.push_blob(name, layer)
        storage = proxy_of(target, fault("HEAD", digest_of(layer), status=403, times=9))
        path = f"/v2/{name}/blobs/{digest_of(layer)}"
        headers = (("Location", storage.url + path),)
        here = proxy_of(target, fault("HEAD", path, status=307, headers=headers, times=9))

        report = replicate(source, here, name, "v1", "v1")

        assert digest_of(layer) in {transfer.blob.digest for transfer in report.transfers}

    def test_look_up_that_the_registry_denies_is_an_error(
        self, source, target, name, layer, proxy_of, fault
    ):
        here = proxy_of(target, fault("HEAD", digest_of(layer), status=403, times=9))

        with pytest.raises(RegistryError, match=r"look up the blob .* 403\. Check the name"):
            replicate(source, here, name, "v1", "v1")

    def test_mounted_blob_is_checked(self, source, name, proxy_of, fault):
        layer = self.LAYER + name.encode()
        digest = source.push_image(name, layer, tag="v1")
        proxy = proxy_of(source)

        replicate(proxy, proxy, name, digest, "v1", to=f"{name}/copy")

        assert len(proxy.made("HEAD", f"/copy/.*{digest_of(layer)}")) == 2

    def test_truncated_blob_is_not_mounted(self, source, name, layer):
        source.blob_file(digest_of(layer)).write_bytes(layer[:9])

        with pytest.raises(RegistryError, match=f"{digest_of(layer)} is damaged"):
            replicate(source, source, name, "v1", "v1", to=f"{name}/copy")

        assert source.tags(f"{name}/copy") == {}

    def test_upload_without_a_confirmed_digest_is_checked(
        self, source, target, name, layer, proxy_of, fault
    ):
        committed = fault("PUT", digest_of(layer).partition(":")[2], status=201, late=True)
        here = proxy_of(target, committed)

        replicate(source, here, name, "v1", "v1")

        assert len(here.made("HEAD", digest_of(layer))) == 2

    def test_upload_that_the_registry_did_not_store_is_an_error(
        self, source, target, name, layer, proxy_of, fault
    ):
        lost = fault("PUT", digest_of(layer).partition(":")[2], status=201)

        with pytest.raises(RegistryError, match=f"{digest_of(layer)} is missing .* after"):
            replicate(source, proxy_of(target, lost), name, "v1", "v1")

        assert target.tags(name) == {}


def test_copy_leaves_only_the_requested_tags_in_either_registry(source, target, name):
    push_two_platforms(source, name)
    before, others = source.all_tags(), target.all_tags()

    report = replicate(
        source, target, name, "v1", "v2", platforms=["linux/amd64"], include_referrers=True
    )

    assert source.all_tags() == before
    assert target.all_tags() == {**others, name: {"v2": report.plan.root.digest}}


def test_failed_copy_leaves_no_tag_in_either_registry(source, target, name, proxy_of, fault):
    push_two_platforms(source, name)
    before, others = source.all_tags(), target.all_tags()
    here = proxy_of(target, fault("PUT", "/manifests/v2", status=400, times=9))

    with pytest.raises(RegistryError):
        replicate(source, here, name, "v1", "v2")

    assert source.all_tags() == before
    assert target.all_tags() == {**others, name: {}}


class TestPlatforms:
    def test_one_platform_is_copied_as_its_image(self, source, target, name):
        index, amd64, arm64, _ = push_two_platforms(source, name)

        report = replicate(source, target, name, index, "v1", platforms=["linux/arm64"])

        assert report.plan.root.digest == arm64
        assert target.tags(name) == {"v1": arm64}
        assert target.read(name, amd64) is None

    def test_several_platforms_are_copied_as_an_index_with_their_attestations(
        self, source, target, name
    ):
        amd64 = source.push_image(name, b"amd64 layer", platform=AMD64)
        arm64 = source.push_image(name, b"arm64 layer", platform=ARM64)
        s390x = source.push_image(name, b"s390x layer", platform={"architecture": "s390x"})
        entries = [
            {"digest": amd64, "platform": AMD64},
            {"digest": arm64, "platform": ARM64},
            {"digest": s390x, "platform": {"os": "linux", "architecture": "s390x"}},
        ]
        for image in (amd64, s390x):
            about = source.push_image(name, b"about " + image.encode(), platform=UNKNOWN)
            annotations = {ATTESTS: image}
            entries.append({"digest": about, "platform": UNKNOWN, "annotations": annotations})
        source.push_index(name, *entries, tag="v1", annotations={"kept": "yes"})
        wanted = ["linux/amd64", "linux/arm64"]

        first = replicate(source, target, name, "v1", "v1", platforms=wanted)
        again = replicate(source, target, name, "v1", "v1", platforms=wanted)

        index = target.manifest(name, "v1")
        assert [entry["digest"] for entry in index["manifests"]] == [
            amd64,
            arm64,
            entries[3]["digest"],
        ]
        assert index["annotations"] == {"kept": "yes"}
        assert_whole(target, name, first.plan.root.digest)
        assert again.plan.root.digest == first.plan.root.digest
        assert again.bytes_copied == 0
        assert target.read(name, s390x) is None

    def test_all_platforms_are_copied_as_the_original_index(self, source, target, name):
        index, *_ = push_two_platforms(source, name)

        replicate(source, target, name, index, "v1", platforms=["linux/arm64", "linux/amd64"])

        assert target.tags(name) == {"v1": index}

    def test_missing_platform_is_reported_with_the_available_ones(
        self, source, target, name, proxy_of
    ):
        push_two_platforms(source, name)
        here = proxy_of(target)

        with pytest.raises(ValidationError, match=r"linux/s390x.*linux/amd64, linux/arm64"):
            replicate(source, here, name, "v1", platforms=["linux/s390x"])

        assert not here.requests

    def test_platform_of_a_single_image_is_checked(self, source, target, name):
        digest = source.push_image(name, b"layer", tag="v1", platform=ARM64)

        replicate(source, target, name, "v1", "v1", platforms=["linux/arm64/v8"])
        with pytest.raises(ValidationError, match="is for linux/arm64, not for linux/amd64"):
            replicate(source, target, name, "v1", "v2", platforms=["linux/amd64"])

        assert target.tags(name) == {"v1": digest}


class TestReferrers:
    def test_they_are_not_copied_by_default(self, source, target, name):
        digest = source.push_image(name, b"layer", tag="v1")
        source.push_image(name, b"signature", tag=f"{digest.replace(':', '-')}.sig")

        replicate(source, target, name, "v1", "v1")

        assert target.tags(name) == {"v1": digest}

    def test_signatures_of_an_index_and_its_images_are_copied_before_the_tag(
        self, source, target, name, proxy_of
    ):
        index, amd64, *_ = push_two_platforms(source, name)
        signatures = {
            f"{digest.replace(':', '-')}.sig": source.push_image(
                name, b"signature of " + digest.encode(), tag=f"{digest.replace(':', '-')}.sig"
            )
            for digest in (index, amd64)
        }
        here = proxy_of(target)

        replicate(source, here, name, index, "v1", include_referrers=True)

        assert target.tags(name) == {**signatures, "v1": index}
        for digest in signatures.values():
            assert_whole(target, name, digest)
        assert here.made("PUT", "/manifests/")[-1].endswith("/v1")

    def test_referrers_tag_schema_is_copied_with_its_children(self, source, target, name):
        digest = source.push_image(name, b"layer", tag="v1")
        sbom = source.push_image(name, b"bill of materials")
        fallback = digest.replace(":", "-")
        listing = source.push_index(name, {"digest": sbom}, tag=fallback)

        replicate(source, target, name, "v1", "v1", include_referrers=True)

        assert target.tags(name) == {fallback: listing, "v1": digest}
        assert_whole(target, name, sbom)

    @pytest.mark.parametrize("status", [200, 400, 404, 405, 406])
    def test_registry_without_the_referrers_api_has_referrers_by_tag(
        self, source, target, name, proxy_of, fault, status
    ):
        digest = source.push_image(name, b"layer", tag="v1")
        signature = f"{digest.replace(':', '-')}.sig"
        source.push_image(name, b"signature", tag=signature)
        page = (("Content-Type", "text/html"),)
        there = proxy_of(
            source,
            fault("GET", "/referrers/", status=status, body=b"<html>", headers=page, times=2),
        )

        replicate(there, target, name, "v1", "v1", include_referrers=True)

        assert target.tags(name).keys() == {signature, "v1"}
        assert not there.faults[0].times

    def test_all_pages_of_the_referrers_api_are_read(self, source, target, name, proxy_of, fault):
        digest = source.push_image(name, b"layer", tag="v1")
        subject = {"mediaType": MANIFEST, "digest": digest, "size": 1}
        found = [
            source.push_image(name, f"referrer {number}".encode(), subject=subject)
            for number in range(2)
        ]

        def page(entry, **more):
            listing = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [{"digest": entry}]}
            headers = (("Content-Type", INDEX), *more.pop("headers", ()))
            body = json.dumps(listing).encode()
            return fault("GET", more.pop("path"), status=200, body=body, headers=headers)

        following = f"/v2/{name}/referrers/{digest}?page=2"
        there = proxy_of(
            source,
            page(found[1], path=r"/referrers/.*page=2"),
            page(
                found[0],
                path=f"/referrers/{digest}$",
                headers=(("Link", f'<{following}>; rel="next"'),),
            ),
        )

        replicate(there, target, name, "v1", "v1", include_referrers=True)

        assert target.tags(name) == {"v1": digest}
        for referrer in found:
            assert_whole(target, name, referrer)
