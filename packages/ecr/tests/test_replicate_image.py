"""The handler, with the ECR API of moto's server and blobs in two real registries."""

from __future__ import annotations

import copy
import json
import logging
import sys

import pytest
from aibs_informatics_aws_lambda.common.exceptions import (
    AWSError,
    ResourceNotFoundError,
    ValidationError,
)
from aibs_informatics_aws_lambda.handlers.ecr import (
    ECRImageReplicator,
    ImageReplicatorHandler,
    ReplicateImageRequest,
)
from aibs_informatics_aws_lambda.handlers.ecr.registry.ecr import EcrRegistryClient
from aibs_informatics_aws_lambda.handlers.ecr.replicate_image import lambda_handler
from botocore.exceptions import ClientError
from registry import INDEX, MANIFEST, digest_of

ACCOUNT = "123456789012"
REGION = "us-west-2"
SOURCE, TARGET = "team/source", "team/target"


@pytest.fixture
def ecr(aws):
    client = aws.client("ecr")
    client.create_repository(repositoryName=SOURCE)
    client.create_repository(repositoryName=TARGET)
    return client


@pytest.fixture
def connect(source, target):
    """Return registry clients whose blobs are in registries on loopback."""

    def connect(repository):
        registry = source if repository.repository_name == SOURCE else target
        return EcrRegistryClient(repository, registry_url=registry.url)

    return connect


@pytest.fixture
def handler(ecr, connect):
    """A handler that copies blobs between registries on loopback."""
    return ImageReplicatorHandler.get_handler(replicator=ECRImageReplicator(connect))


@pytest.fixture
def push(ecr, source):
    """Store an image: its blobs in the registry, its manifest on moto's server."""

    def push(*layers, tag="", **further):
        digest = source.push_image(SOURCE, *layers, **further)
        return put(ecr, source.read(SOURCE, digest).decode(), tag)

    return push


def put(ecr, content, tag="", repository=SOURCE):
    digest = digest_of(content.encode())
    ecr.put_image(
        repositoryName=repository,
        imageManifest=content,
        imageDigest=digest,
        imageManifestMediaType=json.loads(content).get("mediaType", MANIFEST),
        **({"imageTag": tag} if tag else {}),
    )
    return digest


def request_for(digest, *tags, **further):
    location = {"account_id": ACCOUNT, "region": REGION}
    return {
        "source_image": {**location, "repository_name": SOURCE, "image_digest": digest},
        "destination_repository": {**location, "repository_name": TARGET},
        "destination_image_tags": list(tags),
        **further,
    }


def images(ecr, repository=TARGET):
    details = ecr.describe_images(repositoryName=repository)["imageDetails"]
    return {one["imageDigest"]: sorted(one.get("imageTags", [])) for one in details}


def test_blobs_can_be_copied_before_the_image(ecr, connect, push, target):
    layer = b"layer that is copied before its image"
    request = ReplicateImageRequest.from_dict(request_for(push(layer)))
    image, repository = request.source_image, request.destination_repository
    replicator = ECRImageReplicator(connect)

    replicator.upload_layers(image, repository)
    assert target.blob(TARGET, digest_of(layer)) == layer
    assert images(ecr) == {}

    copy = replicator.put_image(image, repository, ["v1"])
    assert copy.image_uri == f"{repository.uri}@{image.image_digest}"
    assert images(ecr) == {image.image_digest: ["v1"]}
    replicator.put_image(image, repository)
    assert images(ecr) == {image.image_digest: ["v1"]}


def test_image_is_copied_and_tagged(ecr, handler, push, target, lambda_context):
    digest = push(b"one layer of a function", b"another layer of a function")

    response = handler(request_for(digest, "v1", "latest"), lambda_context)

    assert response == {
        "destination_image": {
            "account_id": ACCOUNT,
            "region": REGION,
            "repository_name": TARGET,
            "image_digest": digest,
        }
    }
    assert images(ecr) == {digest: ["latest", "v1"]}
    for layer in (b"one layer of a function", b"another layer of a function"):
        assert target.blob(TARGET, digest_of(layer)) == layer


def test_replicator_copies_from_python(ecr, push, connect):
    digest = push(b"layer")
    request = ReplicateImageRequest.from_dict(request_for(digest, "v1"))

    response = ECRImageReplicator(connect).process_request(request)

    assert response.destination_image.image_digest == digest
    assert images(ecr) == {digest: ["v1"]}


def test_event_is_not_modified_and_responses_are_equal(handler, push, lambda_context):
    event = request_for(push(b"layer"), "v1")
    before = copy.deepcopy(event)

    responses = [handler(event, lambda_context) for _ in range(2)]

    assert event == before
    assert responses[0] == responses[1]


def test_index_is_copied_with_its_images_and_only_the_index_is_tagged(
    ecr, handler, push, source, lambda_context
):
    children = [push(b"layer for amd64"), push(b"layer for arm64")]
    entries = [
        {"mediaType": MANIFEST, "digest": child, "size": len(source.read(SOURCE, child))}
        for child in children
    ]
    index = put(ecr, json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}))

    response = handler(request_for(index, "v1"), lambda_context)

    assert response["destination_image"]["image_digest"] == index
    assert images(ecr) == {index: ["v1"], children[0]: [], children[1]: []}


def test_manifest_without_media_type_is_copied(ecr, handler, push, source, lambda_context):
    typed = json.loads(source.read(SOURCE, push(b"untyped layer")))
    untyped = {key: value for key, value in typed.items() if key != "mediaType"}
    digest = put(ecr, json.dumps(untyped))

    handler(request_for(digest, "v1"), lambda_context)

    assert images(ecr) == {digest: ["v1"]}


def test_mutable_tag_moves_from_another_image(ecr, handler, push, lambda_context):
    old, new = push(b"old"), push(b"new")
    handler(request_for(old, "v1", "old"), lambda_context)

    handler(request_for(new, "v1"), lambda_context)

    assert images(ecr) == {old: ["old"], new: ["v1"]}


def test_immutable_tag_of_another_image_is_an_error_and_the_copy_stays_untagged(
    ecr, handler, push, lambda_context
):
    old, new = push(b"old"), push(b"new")
    ecr.put_image_tag_mutability(repositoryName=TARGET, imageTagMutability="IMMUTABLE")
    handler(request_for(old, "v1"), lambda_context)

    with pytest.raises(AWSError, match=f"{new} with v1: .*immutable.*{old}"):
        handler(request_for(new, "v1"), lambda_context)

    assert images(ecr) == {old: ["v1"], new: []}


def test_immutable_tag_of_the_same_image_is_success(ecr, handler, push, lambda_context):
    digest = push(b"layer")
    ecr.put_image_tag_mutability(repositoryName=TARGET, imageTagMutability="IMMUTABLE")

    for _ in range(2):
        handler(request_for(digest, "v1", "v1"), lambda_context)

    assert images(ecr) == {digest: ["v1"]}


def test_manifest_in_the_request_must_match_the_digest(ecr, handler, push, source, lambda_context):
    digest = push(b"layer")
    ecr.batch_delete_image(repositoryName=SOURCE, imageIds=[{"imageDigest": digest}])
    event = request_for(digest, "v1")
    content = source.read(SOURCE, digest).decode()
    event["source_image"]["image_manifest"] = content

    handler(event, lambda_context)
    assert images(ecr) == {digest: ["v1"]}

    event["source_image"]["image_manifest"] = content + " "
    with pytest.raises(ValidationError, match=f"image_manifest is not the manifest of .*{digest}"):
        handler(event, lambda_context)


def test_missing_image_is_reported_with_its_uri(ecr, handler, lambda_context):
    digest = digest_of(b"absent")
    uri = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{SOURCE}@{digest}"

    with pytest.raises(ResourceNotFoundError, match=uri):
        handler(request_for(digest), lambda_context)

    assert images(ecr) == {}


@pytest.mark.parametrize("missing", [SOURCE, TARGET])
def test_missing_repository_raises_the_boto3_error(ecr, handler, push, lambda_context, missing):
    digest = push(b"layer")
    ecr.delete_repository(repositoryName=missing, force=True)

    with pytest.raises(ClientError, match=f"{missing}' does not exist") as caught:
        handler(request_for(digest), lambda_context)

    assert type(caught.value).__name__ == "RepositoryNotFoundException"


def test_repository_of_another_account_is_not_confused_with_that_of_the_caller(
    ecr, handler, push, lambda_context
):
    event = request_for(push(b"layer of a cross-account copy"), "v1")
    event["destination_repository"]["account_id"] = "999988887777"

    with pytest.raises(ClientError, match="999988887777"):
        handler(event, lambda_context)

    assert images(ecr) == {}


def test_docker_schema_1_is_rejected(handler, ecr, lambda_context):
    content = json.dumps({"schemaVersion": 1, "fsLayers": [], "mediaType": MANIFEST})

    with pytest.raises(ValidationError, match="Docker schema 1"):
        handler(request_for(put(ecr, content)), lambda_context)


@pytest.mark.parametrize(
    ("field", "value"),
    [("account_id", "1"), ("region", "moon"), ("repository_name", "No"), ("image_digest", "v1")],
)
def test_invalid_name_is_rejected_before_any_aws_call(
    aws, lambda_context, monkeypatch, field, value
):
    # Nothing listens there: a call would fail with another error.
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    event = request_for(digest_of(b"image"))
    event["source_image"][field] = value

    with pytest.raises(ValidationError, match=repr(value)):
        lambda_handler(event, lambda_context)


def test_summary_is_logged_without_the_manifest(handler, push, lambda_context, caplog):
    digest = push(b"a logged layer")
    logger = logging.getLogger(ImageReplicatorHandler.service_name())
    logger.addHandler(caplog.handler)

    handler(request_for(digest, "v1"), lambda_context)

    logger.removeHandler(caplog.handler)
    assert f"{SOURCE}@{digest}" in caplog.text
    assert "2 of 2 blobs were missing" in caplog.text
    assert "schemaVersion" not in caplog.text


COPY = """
import json, sys
from pathlib import Path
from types import SimpleNamespace
from aibs_informatics_aws_lambda.handlers.ecr import ECRImageReplicator, ImageReplicatorHandler
from aibs_informatics_aws_lambda.handlers.ecr.registry.ecr import EcrRegistryClient
event, urls = json.loads(sys.argv[1]), json.loads(sys.argv[2])
context = SimpleNamespace(
    function_name="f", memory_limit_in_mb=1, aws_request_id="r", invoked_function_arn="arn"
)
def connect(repository):
    return EcrRegistryClient(repository, registry_url=urls[repository.repository_name])
ImageReplicatorHandler.get_handler(replicator=ECRImageReplicator(connect))(event, context)
print(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])
"""


def test_memory_of_the_function_is_bounded(ecr, push, source, target, run_command):
    layers = [bytes([number]) * (24 << 20) for number in range(3)]
    event = request_for(push(*layers), "v1")
    urls = {SOURCE: source.url, TARGET: target.url}

    result = run_command(sys.executable, "-c", COPY, json.dumps(event), json.dumps(urls))

    assert result.returncode == 0, result.stderr
    assert int(result.stdout.split()[-1]) * 1024 / 1e6 < 120
    assert images(ecr) == {event["source_image"]["image_digest"]: ["v1"]}
