"""Three routes for items."""

from typing import ClassVar

from aibs_informatics_aws_lambda.common import HandlerDescription, PydanticBaseModel
from aibs_informatics_aws_lambda.common.api import ApiLambdaHandler
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from pydantic import Field


class Item(PydanticBaseModel):
    item_id: str
    how_many: int = Field(ge=0)
    tags: list[str] = Field(default_factory=list)


class ItemKey(PydanticBaseModel):
    item_id: str


class ItemFilter(PydanticBaseModel):
    tags: list[str] = Field(default_factory=list)
    at_least: int = 0


class ItemList(PydanticBaseModel):
    items: list[Item]


# A database table in a real application.
SHELF: dict[str, Item] = {}


class PutItem(ApiLambdaHandler[Item, Item]):
    """Keep an item."""

    description = HandlerDescription(example={"item_id": "a1", "how_many": 3, "tags": ["round"]})

    @classmethod
    def route_rule(cls) -> str:
        return "/items/<item_id>"

    @classmethod
    def route_method(cls) -> str:
        return "PUT"

    def handle(self, request: Item) -> Item:
        SHELF[request.item_id] = request
        self.metrics.add_count_metric("ItemsKept", 1)
        return request


class GetItem(ApiLambdaHandler[ItemKey, Item]):
    """Return an item."""

    error_responses: ClassVar = {404: "There is no such item."}

    @classmethod
    def route_rule(cls) -> str:
        return "/items/<item_id>"

    @classmethod
    def route_method(cls) -> str:
        return "GET"

    def handle(self, request: ItemKey) -> Item:
        if request.item_id not in SHELF:
            raise NotFoundError(f"There is no item {request.item_id}.")
        return SHELF[request.item_id]


class ListItems(ApiLambdaHandler[ItemFilter, ItemList]):
    """Return the items that have all of the tags."""

    @classmethod
    def route_rule(cls) -> str:
        return "/items"

    @classmethod
    def route_method(cls) -> str:
        return "GET"

    def handle(self, request: ItemFilter) -> ItemList:
        wanted = set(request.tags)
        return ItemList(
            items=[
                item
                for item in SHELF.values()
                if wanted <= set(item.tags) and item.how_many >= request.at_least
            ]
        )
