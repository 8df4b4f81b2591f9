"""Calls of the ECR API and the handling of its responses.

botocore's stubber validates the responses against the service model; moto implements only some.
"""

from __future__ import annotations

import json

import pytest
from aibs_informatics_aws_lambda.common.exceptions import (
    AWSError,
    ResourceNotFoundError,
    ValidationError,
)
from aibs_informatics_aws_lambda.handlers.ecr import ECRRepositoryUri
from aibs_informatics_aws_lambda.handlers.ecr.manifest import Descriptor, Manifest
from aibs_informatics_aws_lambda.handlers.ecr.registry.ecr import EcrRegistryClient
from aibs_informatics_aws_lambda.handlers.ecr.registry.protocol import (
    BlobCheck,
    MissingBlobsError,
    RegistryError,
    TagConflictError,
)
from botocore.stub import Stubber

OTHER_ACCOUNT = "999988887777"
NAMES = {"registryId": OTHER_ACCOUNT, "repositoryName": "team/image"}
URI = f"{OTHER_ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com/team/image"
REPOSITORY = ECRRepositoryUri(URI)


def digest(number):
    return f"sha256:{number:064x}"


def blobs(*numbers):
    return [Descriptor(digest(number), number) for number in numbers]


CONTENT = json.dumps(
    {
        "schemaVersion": 2,
        "config": {"digest": digest(0), "size": 1},
        "layers": [{"digest": digest(1), "size": 1}],
    }
)
MANIFEST = Manifest.parse(CONTENT.encode(), "application/vnd.oci.image.manifest.v1+json")
PUT = {
    **NAMES,
    "imageManifest": CONTENT,
    "imageManifestMediaType": MANIFEST.media_type,
    "imageDigest": MANIFEST.digest,
}


@pytest.fixture
def ecr(aws):
    with Stubber(aws.client("ecr", "eu-west-1")) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


@pytest.fixture
def repository(ecr):
    return EcrRegistryClient(REPOSITORY, ecr.client)


class TestManifest:
    def test_it_is_read_by_digest_from_the_given_account(self, ecr, repository):
        image = {"imageId": {"imageDigest": MANIFEST.digest}, "imageManifest": CONTENT}
        ecr.add_response(
            "batch_get_image",
            {"images": [{**image, "imageManifestMediaType": MANIFEST.media_type}]},
            {**NAMES, "imageIds": [{"imageDigest": MANIFEST.digest}]},
        )

        assert repository.get_manifest(MANIFEST.digest) == MANIFEST

    def test_missing_image_is_reported_with_its_uri(self, ecr, repository):
        failure = {"failureCode": "ImageNotFound", "failureReason": "Requested image not found"}
        ecr.add_response("batch_get_image", {"images": [], "failures": [failure]})

        with pytest.raises(ResourceNotFoundError, match=f"{URI}:v1"):
            repository.get_manifest("v1")

    def test_other_failures_are_reported(self, ecr, repository):
        failure = {"failureCode": "KmsError", "failureReason": "key is disabled"}
        ecr.add_response("batch_get_image", {"images": [], "failures": [failure]})

        with pytest.raises(AWSError, match=f"{URI}:v1: KmsError: key is disabled"):
            repository.get_manifest("v1")

    @pytest.mark.parametrize("reference", [digest(7), "v1"])
    def test_content_with_another_digest_is_rejected(self, ecr, repository, reference):
        image = {"imageId": {"imageDigest": digest(7)}, "imageManifest": CONTENT}
        ecr.add_response("batch_get_image", {"images": [image]})

        with pytest.raises(RegistryError, match=f"damaged in the registry.*not {digest(7)}"):
            repository.get_manifest(reference)

    def test_manifest_of_docker_schema_1_is_rejected_with_its_image(self, ecr, repository):
        image = {"imageId": {}, "imageManifest": '{"schemaVersion": 1, "fsLayers": []}'}
        ecr.add_response("batch_get_image", {"images": [image]})

        with pytest.raises(ValidationError, match=f"cannot copy {URI}:v1: .* Docker schema 1"):
            repository.get_manifest("v1")

    def test_missing_repository_raises_the_boto3_error(self, ecr, repository):
        ecr.add_client_error("batch_get_image", "RepositoryNotFoundException", "no such thing")

        with pytest.raises(ecr.client.exceptions.RepositoryNotFoundException):
            repository.get_manifest("v1")

    def test_denied_access_names_the_missing_permission(self, ecr, repository):
        ecr.add_client_error("batch_get_image", "AccessDeniedException", "not you")

        with pytest.raises(AWSError, match=f"{URI}:v1.*Grant ecr:BatchGetImage"):
            repository.get_manifest("v1")


class TestBlobCheck:
    def respond(self, ecr, *numbers, **response):
        ecr.add_response(
            "batch_check_layer_availability",
            response,
            {**NAMES, "layerDigests": [digest(number) for number in numbers]},
        )

    def test_failed_and_unavailable_layers_are_missing(self, ecr, repository):
        layers = [
            {"layerDigest": digest(1), "layerAvailability": "AVAILABLE", "layerSize": 1},
            {"layerDigest": digest(2), "layerAvailability": "UNAVAILABLE"},
        ]
        failures = [{"layerDigest": digest(3), "failureCode": "MissingLayerDigest"}]
        self.respond(ecr, 1, 2, 3, layers=layers, failures=failures)

        check = repository.check_blobs(blobs(1, 2, 3))

        assert check == BlobCheck(missing=frozenset({digest(2), digest(3)}))

    def test_layer_with_another_size_is_damaged_and_without_a_size_unverified(
        self, ecr, repository
    ):
        layers = [
            {"layerDigest": digest(1), "layerAvailability": "AVAILABLE", "layerSize": 7},
            {"layerDigest": digest(2), "layerAvailability": "AVAILABLE"},
        ]
        self.respond(ecr, 1, 2, layers=layers)

        check = repository.check_blobs(blobs(1, 2))

        assert (check.damaged, check.unverified) == ({digest(1)}, {digest(2)})
        assert check.digests == {digest(1), digest(2)}

    def test_one_call_looks_up_a_hundred_blobs(self, ecr, repository):
        self.respond(ecr, *range(100), layers=[])
        self.respond(ecr, *range(100, 200), layers=[])
        self.respond(ecr, 200, layers=[])

        repository.check_blobs(blobs(*range(201)))

    def test_no_blobs_need_no_call(self, repository):
        assert repository.check_blobs([]) == BlobCheck()

    def test_invalid_digest_is_an_error(self, ecr, repository):
        failure = {
            "layerDigest": digest(1),
            "failureCode": "InvalidLayerDigest",
            "failureReason": "bad",
        }
        self.respond(ecr, 1, failures=[failure])

        with pytest.raises(RegistryError, match=f"{digest(1)}.*InvalidLayerDigest: bad"):
            repository.check_blobs(blobs(1))

    def test_archived_blob_is_an_error(self, ecr, repository):
        layer = {"layerDigest": digest(1), "layerAvailability": "ARCHIVED"}
        self.respond(ecr, 1, layers=[layer])

        with pytest.raises(RegistryError, match=f"{digest(1)} is archived in {URI}"):
            repository.check_blobs(blobs(1))


class TestPut:
    def test_manifest_is_put_unchanged_with_its_media_type_and_account(self, ecr, repository):
        ecr.add_response("put_image", {}, {**PUT, "imageTag": "v1"})
        ecr.add_response("put_image", {}, PUT)

        repository.put_manifest(MANIFEST, "v1")
        repository.put_manifest(MANIFEST)

    def test_existing_untagged_image_is_success(self, ecr, repository):
        ecr.add_client_error("put_image", "ImageAlreadyExistsException")

        repository.put_manifest(MANIFEST)

    def test_existing_tag_on_the_same_image_is_success(self, ecr, repository):
        ecr.add_client_error("put_image", "ImageAlreadyExistsException")
        image = {"imageId": {"imageDigest": MANIFEST.digest}}
        ecr.add_response(
            "batch_get_image", {"images": [image]}, {**NAMES, "imageIds": [{"imageTag": "v1"}]}
        )

        repository.put_manifest(MANIFEST, "v1")

    @pytest.mark.parametrize(
        ("code", "look_ups"),
        [("ImageTagAlreadyExistsException", 1), ("ImageAlreadyExistsException", 2)],
    )
    def test_immutable_tag_on_another_image_is_a_conflict(self, ecr, repository, code, look_ups):
        ecr.add_client_error("put_image", code)
        for _ in range(look_ups):
            ecr.add_response(
                "batch_get_image", {"images": [{"imageId": {"imageDigest": digest(9)}}]}
            )

        with pytest.raises(TagConflictError, match=rf" with v1: .*immutable.*{digest(9)}"):
            repository.put_manifest(MANIFEST, "v1")

    def test_missing_layers_are_parsed_from_the_message(self, ecr, repository):
        message = f"Layers with digests '[{digest(0)}, {digest(1)}]' required for pushing image"
        ecr.add_client_error("put_image", "LayersNotFoundException", message)

        with pytest.raises(MissingBlobsError) as caught:
            repository.put_manifest(MANIFEST, "v1")

        assert caught.value.digests == {digest(0), digest(1)}

    def test_other_errors_name_the_image(self, ecr, repository):
        ecr.add_client_error("put_image", "LimitExceededException", "too many images")

        with pytest.raises(AWSError, match=f"put {URI}@{MANIFEST.digest}.*too many images"):
            repository.put_manifest(MANIFEST)


class TestTransport:
    def test_one_token_is_sent_with_every_request(self, ecr, source, proxy_of):
        proxy = proxy_of(source)
        repository = EcrRegistryClient(REPOSITORY, ecr.client, registry_url=proxy.url)
        token = {"authorizationToken": "QVdTOnNlY3JldA=="}
        ecr.add_response("get_authorization_token", {"authorizationData": [token]}, {})
        pushed = source.push_blob("team/image", b"layer")
        blob = Descriptor(pushed["digest"], pushed["size"])

        for _ in range(2):
            assert b"".join(repository.blobs.read(blob, 0)) == b"layer"

        sent = [headers["Authorization"] for _, _, headers in proxy.requests]
        assert sent == ["Basic QVdTOnNlY3JldA=="] * 2

    def test_denied_login_names_the_missing_permission(self, ecr, repository):
        ecr.add_client_error("get_authorization_token", "AccessDeniedException", "not you")

        with pytest.raises(AWSError, match="Grant ecr:GetAuthorizationToken"):
            repository.blobs.check([Descriptor(digest(1), 1)])


def test_signatures_are_looked_up_by_tag_in_one_call(ecr, source):
    repository = EcrRegistryClient(REPOSITORY, ecr.client, registry_url=source.url)
    token = {"authorizationToken": "QVdTOnNlY3JldA=="}
    ecr.add_response("get_authorization_token", {"authorizationData": [token]}, {})
    base = MANIFEST.digest.replace(":", "-")
    ids = [{"imageTag": f"{base}{suffix}"} for suffix in ("", ".sig", ".att", ".sbom")]
    ecr.add_response(
        "batch_get_image",
        {
            "images": [{"imageId": {"imageTag": f"{base}.sig", "imageDigest": digest(5)}}],
            "failures": [{"failureCode": "ImageNotFound"}],
        },
        {**NAMES, "imageIds": ids},
    )

    assert [one.tag for one in repository.find_referrers(MANIFEST.digest)] == [f"{base}.sig"]
