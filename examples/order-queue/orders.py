"""Store the orders of a queue; the ones that fail return to it, and no others."""

import os

from aibs_informatics_aws_lambda.common import LambdaHandler, PydanticBaseModel, get_client
from pydantic import Field


class Order(PydanticBaseModel):
    order_id: str
    samples: int = Field(ge=1)


class StoreOrder(LambdaHandler[Order, Order]):
    """Store an order in the table `TABLE`."""

    def handle(self, request):
        item = {"order_id": {"S": request.order_id}, "samples": {"N": str(request.samples)}}
        # The same order may be delivered twice: the second replaces the first.
        get_client("dynamodb").put_item(TableName=os.environ["TABLE"], Item=item)
        self.metrics.add_count_metric("OrdersStored", 1)
        return request


handler = StoreOrder.get_sqs_batch_handler()
