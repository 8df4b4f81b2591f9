import pytest
from aibs_informatics_aws_lambda.common.exceptions import ValidationError
from aibs_informatics_aws_lambda.handlers.ecr import (
    ECRImage,
    ECRRepository,
    ReplicateImageRequest,
    ReplicateImageResponse,
)

DIGEST = f"sha256:{'0123456789abcdef' * 4}"
REPOSITORY = {
    "account_id": "123456789012",
    "region": "us-west-2",
    "repository_name": "team/image",
}
IMAGE = {**REPOSITORY, "image_digest": DIGEST}
REQUEST = {"source_image": IMAGE, "destination_repository": REPOSITORY}


def test_defaults():
    request = ReplicateImageRequest.from_dict(REQUEST)

    assert request.destination_image_tags == []
    assert request.platforms == []
    assert request.include_referrers is False
    assert request.source_image.known_manifest is None


def test_camel_case_and_unknown_keys_are_accepted_at_every_level():
    camel = {
        "accountId": "123456789012",
        "region": "us-west-2",
        "repositoryName": "team/image",
        "client": "no client",
        "more": 1,
    }
    request = ReplicateImageRequest.from_dict(
        {
            "sourceImage": {**camel, "imageDigest": DIGEST},
            "destinationRepository": camel,
            "destinationImageTags": ["v1"],
            "includeReferrers": True,
            "more": {},
        }
    )

    assert request.source_image == ECRImage(**IMAGE)
    assert request.destination_repository == ECRRepository(**REPOSITORY)
    assert request.destination_image_tags == ["v1"]
    assert request.include_referrers is True


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"source_image": f"123456789012.dkr.ecr.us-west-2.amazonaws.com/a@{DIGEST}"}, "source"),
        ({"source_image": REPOSITORY}, "image_digest"),
        ({"source_image": {**IMAGE, "account_id": 123456789012}}, "account_id"),
        ({"source_image": {**IMAGE, "account_id": "12"}}, "'12'"),
        ({"source_image": {**IMAGE, "region": "moon"}}, "'moon'"),
        ({"source_image": {**IMAGE, "image_digest": "latest"}}, "'latest'"),
        ({"source_image": {**IMAGE, "image_manifest": {}}}, "image_manifest"),
        ({"destination_repository": {**REPOSITORY, "repository_name": "A"}}, "'A'"),
        ({"destination_repository": {}}, "repository_name"),
        ({"destination_repository": None}, "destination_repository"),
        ({"destination_image_tags": None}, "destination_image_tags"),
        ({"destination_image_tags": "v1"}, "destination_image_tags"),
        ({"destination_image_tags": ["no tag"]}, "'no tag'"),
        ({"platforms": ["linux"]}, "'linux'"),
    ],
)
def test_invalid_request_is_rejected_with_the_field_or_value(change, named):
    with pytest.raises(ValidationError) as caught:
        ReplicateImageRequest.from_dict({**REQUEST, **change})

    assert named in str(caught.value)


def test_missing_manifest_is_left_out_of_every_form():
    response = ReplicateImageResponse(destination_image=ECRImage(**IMAGE))

    assert response.to_dict() == {"destination_image": IMAGE}
    assert response.to_dict(exclude_none=False) == {"destination_image": IMAGE}
    assert "imageManifest" not in response.to_dict(by_alias=True)["destinationImage"]
    assert "image_manifest" not in response.to_json()


def test_given_manifest_is_serialized():
    assert ECRImage(**IMAGE, image_manifest="{}").to_dict()["image_manifest"] == "{}"


def test_uri_and_arn_of_a_repository():
    repository = ECRRepository(**REPOSITORY)

    assert repository.uri == "123456789012.dkr.ecr.us-west-2.amazonaws.com/team/image"
    assert repository.arn == "arn:aws:ecr:us-west-2:123456789012:repository/team/image"
    assert ECRRepository.from_uri(repository.uri) == repository
    assert ECRImage(**IMAGE).image_uri == f"{repository.uri}@{DIGEST}"


def test_request_schema_has_the_patterns_of_names():
    schema = ReplicateImageRequest.model_json_schema(by_alias=False)

    fields = schema["$defs"]["ECRImage"]["properties"]
    assert fields["image_digest"]["pattern"] == "^sha256:[0-9a-f]{64}$"
    assert schema["required"] == ["source_image", "destination_repository"]
