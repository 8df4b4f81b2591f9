"""The handler: ECR's API on moto's server, blobs in two real registries."""

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
from aibs_informatics_aws_lambda.handlers.ecr.registry.ecr import EcrRepository
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
def open_repository(source, target):
    """Return a repository whose blobs are in a registry on loopback."""

    def open_repository(repository):
        registry = source if repository.repository_name == SOURCE else target
        return EcrRepository(repository, registry_url=registry.url)

    return open_repository


@pytest.fixture
def handler(ecr, open_repository):
    """A handler that moves blobs between registries on loopback."""
    return ImageReplicatorHandler.get_handler(replicator=ECRImageReplicator(open_repository))


@pytest.fixture
def push(ecr, source):
    """Store an image as ECR would: its blobs in the registry, its manifest on moto's server."""

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
    place = {"account_id": ACCOUNT, "region": REGION}
    return {
        "source_image": {**place, "repository_name": SOURCE, "image_digest": digest},
        "destination_repository": {**place, "repository_name": TARGET},
        "destination_image_tags": list(tags),
        **further,
    }


def images(ecr, repository=TARGET):
    details = ecr.describe_images(repositoryName=repository)["imageDetails"]
    return {one["imageDigest"]: sorted(one.get("imageTags", [])) for one in details}


def test_image_is_copied_tagged_and_answered(ecr, handler, push, target, lambda_context):
    digest = push(b"one layer of a function", b"another layer of a function")

    answer = handler(request_for(digest, "v1", "latest"), lambda_context)

    assert answer == {
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


def test_replicator_does_the_same_from_python(ecr, push, open_repository):
    digest = push(b"layer")
    request = ReplicateImageRequest.from_dict(request_for(digest, "v1"))

    response = ECRImageReplicator(open_repository).process_request(request)

    assert response.destination_image.image_digest == digest
    assert images(ecr) == {digest: ["v1"]}


def test_event_is_left_as_it_is_and_the_second_answer_equals_the_first(
    handler, push, lambda_context
):
    event = request_for(push(b"layer"), "v1")
    before = copy.deepcopy(event)

    answers = [handler(event, lambda_context) for _ in range(2)]

    assert event == before
    assert answers[0] == answers[1]


def test_index_is_copied_with_its_images_and_tagged_alone(
    ecr, handler, push, source, lambda_context
):
    children = [push(b"layer for amd64"), push(b"layer for arm64")]
    entries = [
        {"mediaType": MANIFEST, "digest": child, "size": len(source.read(SOURCE, child))}
        for child in children
    ]
    index = put(ecr, json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}))

    answer = handler(request_for(index, "v1"), lambda_context)

    assert answer["destination_image"]["image_digest"] == index
    assert images(ecr) == {index: ["v1"], children[0]: [], children[1]: []}


def test_manifest_without_a_type_is_copied(ecr, handler, push, source, lambda_context):
    typed = json.loads(source.read(SOURCE, push(b"untyped layer")))
    untyped = {key: value for key, value in typed.items() if key != "mediaType"}
    digest = put(ecr, json.dumps(untyped))

    handler(request_for(digest, "v1"), lambda_context)

    assert images(ecr) == {digest: ["v1"]}


def test_tag_of_another_image_moves_where_it_may(ecr, handler, push, lambda_context):
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

    with pytest.raises(AWSError, match=f"the tag v1 .*{new}.*{old}.*immutable"):
        handler(request_for(new, "v1"), lambda_context)

    assert images(ecr) == {old: ["v1"], new: []}


def test_immutable_tag_of_the_same_image_is_success(ecr, handler, push, lambda_context):
    digest = push(b"layer")
    ecr.put_image_tag_mutability(repositoryName=TARGET, imageTagMutability="IMMUTABLE")

    for _ in range(2):
        handler(request_for(digest, "v1", "v1"), lambda_context)

    assert images(ecr) == {digest: ["v1"]}


def test_manifest_of_the_request_is_used_if_it_is_that_of_the_image(
    ecr, handler, push, source, lambda_context
):
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


def test_unknown_image_is_an_error_with_its_uri(ecr, handler, lambda_context):
    digest = digest_of(b"absent")
    uri = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{SOURCE}@{digest}"

    with pytest.raises(ResourceNotFoundError, match=uri):
        handler(request_for(digest), lambda_context)

    assert images(ecr) == {}


@pytest.mark.parametrize("missing", [SOURCE, TARGET])
def test_unknown_repository_is_the_error_of_boto3(ecr, handler, push, lambda_context, missing):
    digest = push(b"layer")
    ecr.delete_repository(repositoryName=missing, force=True)

    with pytest.raises(ClientError, match=f"{missing}' does not exist") as caught:
        handler(request_for(digest), lambda_context)

    assert type(caught.value).__name__ == "RepositoryNotFoundException"


def test_repository_of_another_account_is_never_taken_for_the_callers_own(
    ecr, handler, push, lambda_context
):
    event = request_for(push(b"layer of a cross-account copy"), "v1")
    event["destination_repository"]["account_id"] = "999988887777"

    with pytest.raises(ClientError, match="999988887777"):
        handler(event, lambda_context)

    assert images(ecr) == {}


def test_docker_schema_1_is_refused_in_words(handler, ecr, lambda_context):
    content = json.dumps({"schemaVersion": 1, "fsLayers": [], "mediaType": MANIFEST})

    with pytest.raises(ValidationError, match="Docker schema 1"):
        handler(request_for(put(ecr, content)), lambda_context)


@pytest.mark.parametrize(
    ("field", "value"),
    [("account_id", "1"), ("region", "moon"), ("repository_name", "No"), ("image_digest", "v1")],
)
def test_bad_name_is_refused_before_anything_is_asked_of_aws(
    aws, lambda_context, monkeypatch, field, value
):
    # Whoever listens nowhere cannot be asked: a call would fail in another way.
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    event = request_for(digest_of(b"image"))
    event["source_image"][field] = value

    with pytest.raises(ValidationError, match=repr(value)):
        lambda_handler(event, lambda_context)


def test_summary_is_logged_and_no_manifest(handler, push, lambda_context, caplog):
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
from aibs_informatics_aws_lambda.handlers.ecr.registry.ecr import EcrRepository
event, urls = json.loads(sys.argv[1]), json.loads(sys.argv[2])
context = SimpleNamespace(
    function_name="f", memory_limit_in_mb=1, aws_request_id="r", invoked_function_arn="arn"
)
def open_repository(repository):
    return EcrRepository(repository, registry_url=urls[repository.repository_name])
ImageReplicatorHandler.get_handler(replicator=ECRImageReplicator(open_repository))(event, context)
print(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])
"""


def test_function_needs_little_memory_whatever_the_layers(ecr, push, source, target, run_command):
    layers = [bytes([number]) * (40 << 20) for number in range(3)]
    event = request_for(push(*layers), "v1")
    urls = {SOURCE: source.url, TARGET: target.url}

    result = run_command(sys.executable, "-c", COPY, json.dumps(event), json.dumps(urls))

    assert result.returncode == 0, result.stderr
    assert int(result.stdout.split()[-1]) * 1024 / 1e6 < 120
    assert images(ecr) == {event["source_image"]["image_digest"]: ["v1"]}
