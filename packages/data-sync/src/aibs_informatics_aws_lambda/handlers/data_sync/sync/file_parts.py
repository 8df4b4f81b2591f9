"""Parts of files and objects: their first or last bytes."""

import os
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Final

from aibs_informatics_aws_lambda.common.exceptions import AWSError

from ..locations import Root
from ..s3.requests import Request

if TYPE_CHECKING:
    from ..s3.client import S3

_EMPTY: Final = "InvalidRange"
"""How S3 responds to a range of an empty object."""


class FileParts:
    """Reads parts of files or objects below a root.

    Args:
        root: the root.
        s3: returns the S3 client, if the root is in S3.
    """

    def __init__(self, root: Root, s3: Callable[[], "S3"]) -> None:
        self._root = root
        self._make_s3 = s3

    @cached_property
    def _s3(self) -> "S3":
        return self._make_s3()

    def head(self, path: str, size: int) -> bytes:
        """Return the first bytes of a file, as many as there are.

        Raises:
            OSError: the file cannot be read.
            AWSError: the object cannot be read.
        """
        if self._root.bucket is not None:
            return self._ask(path, f"bytes=0-{size - 1}")
        with open(self._root.at(path), "rb") as file:  # noqa: PTH123
            return file.read(size)

    def tail(self, path: str, size: int) -> bytes:
        """Return the last bytes of a file, as many as there are.

        Raises:
            OSError: the file cannot be read.
            AWSError: the object cannot be read.
        """
        if self._root.bucket is not None:
            return self._ask(path, f"bytes=-{size}")
        with open(self._root.at(path), "rb") as file:  # noqa: PTH123
            file.seek(max(0, file.seek(0, os.SEEK_END) - size))
            return file.read(size)

    def _ask(self, path: str, span: str) -> bytes:
        bucket, key = self._root.bucket or "", self._root.at(path)
        request = Request("GetObject", "s3:GetObject", bucket, key, headers={"Range": span})
        try:
            return self._s3.ask(request).body
        except AWSError as error:
            if _EMPTY in str(error):
                return b""
            raise
