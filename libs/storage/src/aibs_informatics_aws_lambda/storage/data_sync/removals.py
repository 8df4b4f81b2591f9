"""Request and response of a removal."""

# Cold start: annotations are not postponed, as pydantic would have to evaluate each at import, and
# empty lists are defaults, which it copies: a factory's signature takes it milliseconds to find.

from aibs_informatics_aws_lambda.common.model import AwareIsoDateTime, PydanticBaseModel
from pydantic import Field

from ..paths import DataPath
from .stored_lists import ListOrLocation, ResponseByReference


class PlannedPath(PydanticBaseModel):
    """A path that was found fit to be removed, and how it was then."""

    path: DataPath
    inode: int = Field(description="of the file or folder")
    last_modified: AwareIsoDateTime = Field(description="of the latest file in it")


class RemoveDataPathsRequest(ResponseByReference):
    """Files and folders to remove."""

    paths: ListOrLocation[DataPath] = Field([])
    plan: ListOrLocation[PlannedPath] | None = Field(
        None, description="of a scan: what has changed since is not removed"
    )


class RemoveDataPathsResponse(PydanticBaseModel):
    """What was removed, in the order of the request."""

    size_bytes_removed: int
    paths_removed: ListOrLocation[DataPath]
    paths_changed: ListOrLocation[DataPath] | None = Field(
        None, description="not removed, as they have changed since they were planned to go"
    )
