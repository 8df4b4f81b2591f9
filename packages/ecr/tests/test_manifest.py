import json

import pytest
from aibs_informatics_aws_lambda.common.exceptions import ValidationError
from aibs_informatics_aws_lambda.handlers.ecr.manifest import (
    DOCKER_MANIFEST,
    OCI_INDEX,
    OCI_MANIFEST,
    Manifest,
    choose_platforms,
)
from aibs_informatics_aws_lambda.handlers.ecr.platforms import Platform
from hypothesis import given, strategies as st

FOREIGN_LAYERS = [
    "application/vnd.oci.image.layer.nondistributable.v1.tar",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
    "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
]


def digest(number):
    return f"sha256:{number:064x}"


def descriptor(number, **further):
    return {"mediaType": "type", "digest": digest(number), "size": number, **further}


def image(*layers, **further):
    return {"schemaVersion": 2, "config": descriptor(0), "layers": list(layers), **further}


def parse(document, media_type=None):
    return Manifest.parse(json.dumps(document).encode(), media_type)


def test_manifests_are_equal_if_content_and_media_type_are():
    content = json.dumps(image()).encode()
    one = Manifest(content, OCI_MANIFEST)

    same, *others = (
        Manifest(content, OCI_MANIFEST),
        Manifest(content, DOCKER_MANIFEST),
        Manifest(content + b" ", OCI_MANIFEST),
        content,
    )

    assert one == same
    assert hash(one) == hash(same)
    assert all(one != other for other in others)


def test_blobs_are_the_layers_in_order_then_the_config():
    found = parse(image(descriptor(2), descriptor(1)))

    assert [blob.digest for blob in found.blobs] == [digest(2), digest(1), digest(0)]
    assert [blob.size for blob in found.blobs] == [2, 1, 0]


def test_repeated_layer_is_one_blob():
    found = parse(image(descriptor(1), descriptor(1)))

    assert [blob.digest for blob in found.blobs] == [digest(1), digest(0)]


def test_foreign_layer_is_not_a_blob_of_the_registry():
    urls = ["https://example.com"]
    foreign = [
        descriptor(number, mediaType=media_type, urls=urls)
        for number, media_type in enumerate(FOREIGN_LAYERS, 10)
    ]

    found = parse(image(*foreign, descriptor(1)))

    assert [blob.digest for blob in found.blobs] == [digest(1), digest(0)]


def test_distributable_layers_and_configs_with_urls_are_blobs_of_the_registry():
    urls = ["https://example.com"]
    document = image(descriptor(1, urls=urls), config=descriptor(0, urls=urls))

    assert [blob.digest for blob in parse(document).blobs] == [digest(1), digest(0)]


def test_image_without_layers_has_a_config():
    assert [blob.digest for blob in parse(image(layers=None)).blobs] == [digest(0)]


@pytest.mark.parametrize(
    ("document", "reported", "media_type"),
    [
        (image(), None, OCI_MANIFEST),
        (image(mediaType=DOCKER_MANIFEST), None, DOCKER_MANIFEST),
        (image(), DOCKER_MANIFEST, DOCKER_MANIFEST),
        ({"schemaVersion": 2, "manifests": []}, None, OCI_INDEX),
    ],
)
def test_media_type_is_reported_or_its_own_or_the_oci_default(document, reported, media_type):
    assert parse(document, reported).media_type == media_type


def test_digest_is_that_of_the_bytes():
    spaced = Manifest.parse(json.dumps(image(), indent=4).encode())

    assert spaced.digest != parse(image()).digest
    assert spaced.blobs == parse(image()).blobs


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        (b"no json", "is not JSON"),
        (b"\xff", "is not JSON"),
        (b"[1]", "is a JSON list"),
        (b"{}", "neither manifests nor config and layers"),
        (b'{"config": {}, "layers": 1}', "neither manifests nor config"),
        (json.dumps({"schemaVersion": 1, "fsLayers": []}).encode(), "Docker schema 1"),
        (json.dumps(image({"size": 1})).encode(), "has no digest"),
        (json.dumps(image({"digest": "../../x", "size": 1})).encode(), "'../../x'"),
        (
            json.dumps(image({"digest": digest(1)})).encode(),
            f"{digest(1)} in the manifest",
        ),
        (json.dumps(image({"digest": digest(1), "size": -1})).encode(), "has no size"),
        (json.dumps(image("layer")).encode(), "a str, not an object"),
        (b'{"manifests": [1]}', "a int, not an object"),
    ],
)
def test_invalid_manifest_is_rejected_with_the_reason(content, shown):
    with pytest.raises(ValidationError) as caught:
        Manifest.parse(content)

    assert shown in str(caught.value)


ARCHITECTURES = ["amd64", "arm64", "s390x", "ppc64le"]


@given(
    there=st.lists(st.sampled_from(ARCHITECTURES), min_size=1, unique=True),
    attested=st.booleans(),
    data=st.data(),
)
def test_reduced_index_has_the_images_and_their_attestations_in_order(there, attested, data):
    wanted = data.draw(st.lists(st.sampled_from(there), min_size=1, unique=True))
    entries = []
    for number, architecture in enumerate(there, 1):
        platform = {"os": "linux", "architecture": architecture}
        entries.append(descriptor(number, platform=platform))
        if attested:
            annotations = {"vnd.docker.reference.digest": digest(number)}
            entries.append(descriptor(100 + number, annotations=annotations))
    index = parse({"schemaVersion": 2, "manifests": entries, "annotations": {"a": "b"}})

    pairs = list(zip(entries, index.children, strict=True))

    chosen = choose_platforms(index, pairs, [Platform(f"linux/{name}") for name in wanted])

    numbers = [number for number, name in enumerate(there, 1) if name in wanted]
    if len(numbers) == len(there):
        assert chosen is index
    elif len(numbers) == 1:
        assert chosen == digest(numbers[0])
    else:
        kept = [n for number in numbers for n in (number, 100 + number)[: 1 + attested]]
        assert [child.digest for child in chosen.children] == [digest(n) for n in kept]
        assert chosen.document["annotations"] == {"a": "b"}
        assert chosen.media_type == index.media_type
