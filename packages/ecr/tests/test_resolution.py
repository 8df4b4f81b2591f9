import json

import pytest
from aibs_informatics_aws_lambda.common.exceptions import ResourceNotFoundError
from aibs_informatics_aws_lambda.handlers.ecr import resolve_image_uri
from botocore.stub import Stubber
from registry import digest_of

REPOSITORY = "123456789012.dkr.ecr.us-west-2.amazonaws.com/team/image"


@pytest.fixture
def push(aws):
    """Put an image with tags and return its digest."""
    ecr = aws.client("ecr")
    ecr.create_repository(repositoryName="team/image")

    def push(number, *tags):
        config = {"digest": f"sha256:{number:064x}", "size": 1}
        kind = "application/vnd.oci.image.manifest.v1+json"
        content = json.dumps({"schemaVersion": 2, "mediaType": kind, "config": config})
        for tag in tags or [None]:
            ecr.put_image(
                repositoryName="team/image",
                imageManifest=content,
                imageDigest=digest_of(content.encode()),
                **({"imageTag": tag} if tag else {}),
            )
        return digest_of(content.encode())

    return push


@pytest.mark.parametrize("end", [":v1", f"@{digest_of(b'')}"])
def test_image_uri_is_returned_unchanged(end):
    assert resolve_image_uri(f"{REPOSITORY}{end}") == f"{REPOSITORY}{end}"


@pytest.mark.parametrize("end", [":v1", f"@{digest_of(b'')}"])
def test_name_with_a_tag_or_digest_is_that_of_an_image_in_the_callers_registry(aws, end):
    assert resolve_image_uri(f"team/image{end}", "stable") == f"{REPOSITORY}{end}"


@pytest.mark.parametrize("name", ["team/image", REPOSITORY])
def test_default_tag_selects_the_image_of_a_repository(push, name):
    stable = push(1, "stable")
    push(2, "newer")

    assert resolve_image_uri(name, "stable") == f"{REPOSITORY}@{stable}"


def test_default_is_the_most_recently_pushed_tagged_image(push, aws):
    from aibs_informatics_aws_lambda.common.aws import get_client

    push(1, "v1")
    with Stubber(get_client("ecr", "us-west-2")) as ecr:
        details = [
            {"imageDigest": digest_of(name), "imageTags": ["v1"], "imagePushedAt": pushed}
            for name, pushed in ((b"old", 1_700_000_000), (b"new", 1_700_000_900), (b"x", 1))
        ]
        asked = {
            "registryId": "123456789012",
            "repositoryName": "team/image",
            "filter": {"tagStatus": "TAGGED"},
        }
        ecr.add_response("describe_images", {"imageDetails": details}, asked)

        assert resolve_image_uri("team/image") == f"{REPOSITORY}@{digest_of(b'new')}"


def test_untagged_images_are_ignored(push):
    push(1)

    with pytest.raises(ResourceNotFoundError, match=f"no tagged image in {REPOSITORY}"):
        resolve_image_uri("team/image")


@pytest.mark.parametrize(
    ("name", "tag"),
    [("absent", None), ("absent", "v1"), ("team/image", "absent"), ("No", None), ("No:v1", None)],
)
def test_unresolvable_name_is_reported(push, name, tag):
    push(1, "v1")

    with pytest.raises(ResourceNotFoundError, match=name):
        resolve_image_uri(name, tag)
