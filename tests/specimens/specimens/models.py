from aibs_informatics_core.models.base import PydanticBaseModel
from pydantic import Field


class Specimen(PydanticBaseModel):
    specimen_id: str
    species: str = "unknown"
    tags: list[str] = Field(default_factory=list)


class FindRequest(PydanticBaseModel):
    specimen_id: str
    with_tags: bool = False


class FindResponse(PydanticBaseModel):
    specimen: Specimen
    found_by: str | None = None


class LabelRequest(PydanticBaseModel):
    specimen_id: str
    label: str


class LabelResponse(PydanticBaseModel):
    label: str
    environment: str
