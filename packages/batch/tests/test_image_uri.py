from __future__ import annotations

import pytest
from aibs_informatics_aws_lambda.common.exceptions import ValidationError
from aibs_informatics_aws_lambda.handlers.batch.create import DockerImageUri
from hypothesis import given, strategies as st

DIGEST = "0123456789abcdef" * 4
ECR = "123456789012.dkr.ecr.us-west-2.amazonaws.com"


@pytest.mark.parametrize(
    ("text", "registry", "repo_name", "tag", "sha256"),
    [
        ("docker.io/library/busybox:1.36", "docker.io", "library/busybox", "1.36", None),
        (f"{ECR}/tools/align", ECR, "tools/align", None, None),
        (f"ghcr.io/a/b@sha256:{DIGEST}", "ghcr.io", "a/b", None, DIGEST),
        (f"quay.io/a/b:1@sha256:{DIGEST}", "quay.io", "a/b", "1", DIGEST),
        ("public.ecr.aws/a/b__c/d---e.f_g", "public.ecr.aws", "a/b__c/d---e.f_g", None, None),
        ("localhost/a", "localhost", "a", None, None),
        ("localhost:5000/a:_b", "localhost:5000", "a", "_b", None),
        ("registry:5000/a", "registry:5000", "a", None, None),
        ("[::1]:5000/a", "[::1]:5000", "a", None, None),
        (f"nvcr.io/nvidia/cuda:{'t' * 128}", "nvcr.io", "nvidia/cuda", "t" * 128, None),
        (
            "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/a:1",
            "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn",
            "a",
            "1",
            None,
        ),
        (
            "123456789012.dkr.ecr.me-south-1.amazonaws.com/a:1",
            "123456789012.dkr.ecr.me-south-1.amazonaws.com",
            "a",
            "1",
            None,
        ),
    ],
)
def test_a_full_reference_is_split_into_its_parts(text, registry, repo_name, tag, sha256):
    uri = DockerImageUri(text)

    assert uri == text
    assert (uri.registry, uri.repo_name, uri.tag, uri.sha256) == (
        registry,
        repo_name,
        tag,
        sha256,
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ubuntu:22.04",
        "tools/align",
        "quay.io/",
        "quay.io/A/b",
        "quay.io/a//b",
        "quay.io/a_-b",
        "quay.io/-a",
        "quay.io/a:",
        "quay.io/a:.b",
        f"quay.io/a:{'t' * 129}",
        "quay.io/a@sha256:12",
        f"quay.io/a@sha256:{DIGEST.upper()}",
        f"quay.io/a@md5:{DIGEST}",
        "quay.io/a b",
        "quay.io/a\n",
        "https://quay.io/a",
        f"quay.io/{'a' * 248}",
    ],
)
def test_invalid_references_are_refused(text):
    assert not DockerImageUri.is_valid(text)
    with pytest.raises(ValidationError):
        DockerImageUri(text)


def test_a_digest_of_another_algorithm_has_no_sha256():
    uri = DockerImageUri(f"quay.io/a@sha512:{DIGEST * 2}")

    assert uri.digest == f"sha512:{DIGEST * 2}"
    assert uri.sha256 is None


name_parts = st.from_regex(r"[a-z0-9]{1,8}((\.|_|__|-{1,3})[a-z0-9]{1,8}){0,2}", fullmatch=True)


@given(
    registry=st.from_regex(r"[a-z0-9]{1,9}(\.[a-z]{2,5}){1,2}(:[0-9]{1,5})?", fullmatch=True),
    repo_name=st.lists(name_parts, min_size=1, max_size=4).map("/".join),
    tag=st.none() | st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True),
    sha256=st.none() | st.from_regex(r"[0-9a-f]{64}", fullmatch=True),
)
def test_any_reference_is_split_into_the_parts_it_was_built_from(registry, repo_name, tag, sha256):
    text = f"{registry}/{repo_name}" + (f":{tag}" if tag else "")
    uri = DockerImageUri(text + (f"@sha256:{sha256}" if sha256 else ""))

    assert (uri.registry, uri.repo_name, uri.tag, uri.sha256) == (
        registry,
        repo_name,
        tag,
        sha256,
    )


@given(st.text(max_size=40))
def test_any_text_is_a_reference_or_a_validation_error(text):
    assert DockerImageUri.is_valid(text) in (True, False)
