"""Paths of the nodes of a tree as responses hold them."""

from dataclasses import dataclass
from pathlib import Path

from aibs_informatics_aws_lambda.common.s3 import S3Path
from aibs_informatics_aws_lambda.storage.efs import EFSPath
from aibs_informatics_aws_lambda.storage.locations import DataLocation
from aibs_informatics_aws_lambda.storage.quoted_names import quote_name

from ..tree import Node


@dataclass(frozen=True)
class NodePaths:
    """Formats the nodes of a tree: local and EFS paths in full, objects as keys without bucket.

    Names that are not UTF-8 are quoted.

    Args:
        path: the path of the root.
    """

    path: DataLocation

    def of(self, node: Node) -> str:
        """Return the path of a node. That of a folder ends in a slash."""
        if not node.relative and node.kind != "folder":
            return self.quote(self._root())
        return self.quote(self._folder() + node.relative)

    def quote(self, text: str) -> str:
        """Return a path or name as text. Keys are always valid Unicode."""
        return text if isinstance(self.path, S3Path) else quote_name(text)

    def of_summary(self, *, has_children: bool) -> str:
        """Return the path of the root in a summary: only an EFS folder ends in a slash."""
        root = self._root()
        if isinstance(self.path, EFSPath):
            return self.quote(self._folder() if has_children else root)
        return self.quote(root.rstrip("/") or root)

    def _root(self) -> str:
        """Return the root as given. A local path becomes absolute."""
        if isinstance(self.path, S3Path):
            return self.path.key
        return str(self.path.absolute() if isinstance(self.path, Path) else self.path)

    def _folder(self) -> str:
        """Return the root with a trailing slash; for a bucket, an empty text."""
        root = self._root().rstrip("/")
        return "" if not root and isinstance(self.path, S3Path) else f"{root}/"
