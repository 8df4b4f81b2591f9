"""What is asked of Amazon ECR's API, and what its answers come to.

The answers are those of the service, checked against its model by botocore's stubber; moto knows
only some of them.
"""

from __future__ import annotations

import json

import pytest
from aibs_informatics_aws_lambda.common.exceptions import AWSError, ResourceNotFoundError
from aibs_informatics_aws_lambda.handlers.ecr import ECRRepository
from aibs_informatics_aws_lambda.handlers.ecr.manifest import Descriptor, Manifest
from aibs_informatics_aws_lambda.handlers.ecr.registry.ecr import EcrRepository
from aibs_informatics_aws_lambda.handlers.ecr.registry.protocol import (
    MissingBlobsError,
    RegistryError,
    TagConflictError,
)
from botocore.stub import Stubber

OTHER_ACCOUNT = "999988887777"
PLACE = ECRRepository(account_id=OTHER_ACCOUNT, region="eu-west-1", repository_name="team/image")
NAMES = {"registryId": OTHER_ACCOUNT, "repositoryName": "team/image"}
URI = f"{OTHER_ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com/team/image"


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
    return EcrRepository(PLACE, ecr.client)


class TestManifest:
    def test_it_is_read_by_digest_in_the_account_that_is_named(self, ecr, repository):
        image = {"imageId": {"imageDigest": MANIFEST.digest}, "imageManifest": CONTENT}
        ecr.add_response(
            "batch_get_image",
            {"images": [{**image, "imageManifestMediaType": MANIFEST.media_type}]},
            {**NAMES, "imageIds": [{"imageDigest": MANIFEST.digest}]},
        )

        assert repository.get_manifest(MANIFEST.digest) == MANIFEST

    def test_absent_image_is_an_error_with_its_uri(self, ecr, repository):
        failure = {"failureCode": "ImageNotFound", "failureReason": "Requested image not found"}
        ecr.add_response("batch_get_image", {"images": [], "failures": [failure]})

        with pytest.raises(ResourceNotFoundError, match=f"{URI}:v1"):
            repository.get_manifest("v1")

    def test_other_failure_says_which(self, ecr, repository):
        failure = {"failureCode": "KmsError", "failureReason": "key is disabled"}
        ecr.add_response("batch_get_image", {"images": [], "failures": [failure]})

        with pytest.raises(AWSError, match=f"{URI}:v1: KmsError: key is disabled"):
            repository.get_manifest("v1")

    @pytest.mark.parametrize("reference", [digest(7), "v1"])
    def test_content_of_another_digest_is_refused(self, ecr, repository, reference):
        image = {"imageId": {"imageDigest": digest(7)}, "imageManifest": CONTENT}
        ecr.add_response("batch_get_image", {"images": [image]})

        with pytest.raises(RegistryError, match=f"not {digest(7)}: it is damaged"):
            repository.get_manifest(reference)

    def test_unknown_repository_is_the_error_of_boto3(self, ecr, repository):
        ecr.add_client_error("batch_get_image", "RepositoryNotFoundException", "no such thing")

        with pytest.raises(ecr.client.exceptions.RepositoryNotFoundException):
            repository.get_manifest("v1")

    def test_denied_access_says_what_to_allow(self, ecr, repository):
        ecr.add_client_error("batch_get_image", "AccessDeniedException", "not you")

        with pytest.raises(AWSError, match=f"{URI}:v1.*allow ecr:BatchGetImage"):
            repository.get_manifest("v1")


class TestMissingBlobs:
    def answer(self, ecr, *numbers, **answer):
        ecr.add_response(
            "batch_check_layer_availability",
            answer,
            {**NAMES, "layerDigests": [digest(number) for number in numbers]},
        )

    def test_failure_and_unavailable_both_mean_missing(self, ecr, repository):
        layers = [
            {"layerDigest": digest(1), "layerAvailability": "AVAILABLE"},
            {"layerDigest": digest(2), "layerAvailability": "UNAVAILABLE"},
        ]
        failures = [{"layerDigest": digest(3), "failureCode": "MissingLayerDigest"}]
        self.answer(ecr, 1, 2, 3, layers=layers, failures=failures)

        assert repository.find_missing(blobs(1, 2, 3)) == {digest(2), digest(3)}

    def test_a_hundred_blobs_are_asked_for_in_one_call(self, ecr, repository):
        self.answer(ecr, *range(100), layers=[])
        self.answer(ecr, *range(100, 200), layers=[])
        self.answer(ecr, 200, layers=[])

        repository.find_missing(blobs(*range(201)))

    def test_nothing_is_asked_for_without_blobs(self, repository):
        assert repository.find_missing([]) == set()

    def test_invalid_digest_is_an_error(self, ecr, repository):
        failure = {
            "layerDigest": digest(1),
            "failureCode": "InvalidLayerDigest",
            "failureReason": "bad",
        }
        self.answer(ecr, 1, failures=[failure])

        with pytest.raises(RegistryError, match=f"{digest(1)}.*InvalidLayerDigest: bad"):
            repository.find_missing(blobs(1))

    def test_archived_blob_is_an_error_that_says_so(self, ecr, repository):
        layer = {"layerDigest": digest(1), "layerAvailability": "ARCHIVED"}
        self.answer(ecr, 1, layers=[layer])

        with pytest.raises(RegistryError, match=f"{digest(1)} is ARCHIVED in {URI}"):
            repository.find_missing(blobs(1))


class TestPut:
    def test_manifest_goes_byte_by_byte_with_its_type_and_account(self, ecr, repository):
        ecr.add_response("put_image", {}, {**PUT, "imageTag": "v1"})
        ecr.add_response("put_image", {}, PUT)

        repository.put_manifest(MANIFEST, "v1")
        repository.put_manifest(MANIFEST)

    def test_untagged_image_that_is_there_is_left_as_it_is(self, ecr, repository):
        ecr.add_client_error("put_image", "ImageAlreadyExistsException")

        repository.put_manifest(MANIFEST)

    def test_tag_that_is_on_this_image_already_is_left_as_it_is(self, ecr, repository):
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

        with pytest.raises(TagConflictError, match=rf"tag v1 on {URI}.*{digest(9)}.*immutable"):
            repository.put_manifest(MANIFEST, "v1")

    def test_layers_that_are_not_found_are_read_out_of_the_message(self, ecr, repository):
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
    def test_token_goes_with_every_request_and_is_asked_for_once(self, ecr, source, proxy_of):
        proxy = proxy_of(source)
        repository = EcrRepository(PLACE, ecr.client, registry_url=proxy.url)
        token = {"authorizationToken": "QVdTOnNlY3JldA=="}
        ecr.add_response("get_authorization_token", {"authorizationData": [token]}, {})
        pushed = source.push_blob("team/image", b"layer")
        blob = Descriptor(pushed["digest"], pushed["size"])

        for _ in range(2):
            assert b"".join(repository.blobs.read(blob, 0)) == b"layer"

        sent = [headers["Authorization"] for _, _, headers in proxy.requests]
        assert sent == ["Basic QVdTOnNlY3JldA=="] * 2

    def test_login_that_is_denied_says_what_to_allow(self, ecr, repository):
        ecr.add_client_error("get_authorization_token", "AccessDeniedException", "not you")

        with pytest.raises(AWSError, match="allow ecr:GetAuthorizationToken"):
            repository.blobs.has(Descriptor(digest(1), 1))


def test_signatures_are_found_by_tag_in_one_call(ecr, source):
    repository = EcrRepository(PLACE, ecr.client, registry_url=source.url)
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
