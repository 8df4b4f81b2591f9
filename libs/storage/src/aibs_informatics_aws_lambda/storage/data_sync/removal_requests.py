"""Request and response of the removal of data paths."""

# Cold start: annotations are not postponed, as pydantic would have to evaluate each at import, and
# empty lists are defaults, which it copies: a factory's signature takes it milliseconds to find.

from typing import Annotated, TypeAlias

from aibs_informatics_aws_lambda.common.model import AwareIsoDateTime, PydanticBaseModel
from pydantic import BeforeValidator, Field

# Part of the public names of this module; defined where no model is imported.
from ..locations import parse_removable_path as parse_removable_path
from ..paths import DataPath
from .stored_lists import ListOrLocation, ResponseByReference

RemovablePath: TypeAlias = Annotated[DataPath, BeforeValidator(parse_removable_path)]
"""A location to remove."""


class PlannedPath(PydanticBaseModel):
    """An outdated path and its state at the time of the scan."""

    path: DataPath
    inode: int = Field(description="inode of the file or directory")
    last_modified: AwareIsoDateTime = Field(description="modification time of its latest file")


class RemoveDataPathsRequest(ResponseByReference):
    """Files and directories to remove."""

    paths: ListOrLocation[RemovablePath] = Field([])
    plan: ListOrLocation[PlannedPath] | None = Field(
        None, description="plan of a scan: paths that changed since are not removed"
    )


class RemoveDataPathsResponse(PydanticBaseModel):
    """The removed paths, in the order of the request."""

    size_bytes_removed: int
    paths_removed: ListOrLocation[DataPath]
    paths_changed: ListOrLocation[DataPath] | None = Field(
        None, description="paths that were not removed because they changed since the scan"
    )
