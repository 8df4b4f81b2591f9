import pytest
from aibs_informatics_aws_lambda.common.exceptions import ValidationError
from aibs_informatics_aws_lambda.handlers.ecr.names import (
    AccountId,
    ImageDigest,
    ImageTag,
    OciRepositoryName,
    RegionName,
    RepositoryName,
)
from hypothesis import given, strategies as st

HEX = "0123456789abcdef" * 4
ACCEPTED = [
    (AccountId, "123456789012"),
    (RegionName, "us-west-2"),
    (RegionName, "us-gov-east-1"),
    (RegionName, "af-south-1"),
    (RegionName, "il-central-1"),
    (RegionName, "mx-central-1"),
    (RegionName, "eusc-de-east-1"),
    (RegionName, "us-isob-east-1"),
    (RepositoryName, "ab"),
    (RepositoryName, "team/app_one/base.image"),
    (RepositoryName, "a__b/c---d/e.f"),
    (RepositoryName, "a" * 256),
    (OciRepositoryName, "a"),
    (OciRepositoryName, "owner/a--b"),
    (ImageDigest, f"sha256:{HEX}"),
    (ImageTag, "v1"),
    (ImageTag, "_"),
    (ImageTag, "1.2.3-rc_1"),
    (ImageTag, "x" * 128),
]
REFUSED = [
    (AccountId, "12345678901"),
    (AccountId, "1234567890123"),
    (AccountId, "١٢٣٤٥٦٧٨٩٠١٢"),
    (RegionName, "moon"),
    (RegionName, "us-west"),
    (RegionName, "us-west-2\n"),
    (RepositoryName, "a"),
    (RepositoryName, "Team/image"),
    (RepositoryName, "/image"),
    (RepositoryName, "image/"),
    (RepositoryName, "a..b"),
    (RepositoryName, "a___b"),
    (RepositoryName, "-ab"),
    (RepositoryName, "a" * 257),
    (OciRepositoryName, ""),
    (OciRepositoryName, "owner/Image"),
    (OciRepositoryName, "image\n"),
    (ImageDigest, "latest"),
    (ImageDigest, f"sha512:{HEX}"),
    (ImageDigest, f"sha256:{HEX}0"),
    (ImageDigest, f"sha256:{HEX[:-1]}g"),
    (ImageTag, ""),
    (ImageTag, ".hidden"),
    (ImageTag, "-v1"),
    (ImageTag, "a:b"),
    (ImageTag, "ä"),
    (ImageTag, "x" * 129),
]


@pytest.mark.parametrize(("kind", "text"), ACCEPTED)
def test_valid_name_is_unchanged(kind, text):
    assert kind(text) == text


@pytest.mark.parametrize(("kind", "text"), REFUSED)
def test_invalid_name_is_rejected_with_the_value(kind, text):
    with pytest.raises(ValidationError) as caught:
        kind(text)

    assert repr(text) in str(caught.value)


def test_digest_is_lowercased():
    assert ImageDigest(f"sha256:{HEX.upper()}") == f"sha256:{HEX}"


part = st.text("abc019", min_size=1, max_size=5)
separator = st.sampled_from([".", "_", "__", "-", "---"])
component = st.tuples(part, st.lists(st.tuples(separator, part).map("".join), max_size=2)).map(
    lambda parts: parts[0] + "".join(parts[1])
)


@given(st.lists(component, min_size=2, max_size=4).map("/".join))
def test_components_joined_by_slashes_are_a_repository_name(name):
    assert RepositoryName(name) == name


@given(st.text(max_size=300))
def test_any_text_is_unchanged_or_rejected(text):
    for kind in (AccountId, RegionName, RepositoryName, ImageTag):
        assert not kind.is_valid(text) or kind(text) == text
