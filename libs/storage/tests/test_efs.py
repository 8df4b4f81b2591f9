from __future__ import annotations

import pytest
from aibs_informatics_aws_lambda.common.exceptions import ValidationError
from aibs_informatics_aws_lambda.storage.efs import EFSPath

ID = "fs-0123456789abcdef0"
HOST = f"{ID}.efs.us-west-2.amazonaws.com"


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (f"efs://{ID}:/a/b", "/a/b"),
        (f"efs://{ID}/a/b", "/a/b"),
        (f"efs://{ID}:a/b", "/a/b"),
        (f"efs://{ID}", "/"),
        (f"efs://{ID}:", "/"),
        (f"efs://{ID}/", "/"),
        (f"efs://{HOST}:/a", "/a"),
        (f"efs://{HOST}/a", "/a"),
        (f"{ID}:/a", "/a"),
        (f"{ID}:a", "/a"),
        (f"{HOST}:/a", "/a"),
        (f"{ID}://a", "/a"),
    ],
)
def test_all_forms_are_accepted(text, path):
    efs_path = EFSPath(text)

    assert (efs_path, efs_path.file_system_id, str(efs_path.path)) == (text, ID, path)
    assert efs_path == EFSPath(f"{ID}:{path}")
    assert hash(efs_path) == hash(EFSPath(f"{ID}:{path}"))


@pytest.mark.parametrize(
    "text",
    [
        "efs://fs-1:/a",
        "efs://fsap-0123456789abcdef0:/a",
        f"efs://{ID.upper()}:/a",
        f"{ID}/a",
        "/a",
    ],
)
def test_other_text_is_refused(text):
    with pytest.raises(ValidationError, match="is not an EFS path"):
        EFSPath(text)


def test_different_paths_are_not_equal():
    assert EFSPath(f"{ID}:/a") != EFSPath(f"{ID}:/b")
    assert EFSPath(f"{ID}:/a") != EFSPath("fs-12345678:/a")
