"""Send four orders, one of them invalid, and process them as Lambda does."""

import json
import os
from pathlib import Path

from aibs_informatics_aws_lambda.common import DefaultLambdaContext, get_client
from orders import handler

ORDERS = [
    {"order_id": "a", "samples": 3},
    {"order_id": "b", "samples": 0},
    {"order_id": "c", "samples": 1},
    {"order_id": "d", "samples": 2},
]


def main(folder: Path) -> None:
    sqs, dynamodb = get_client("sqs"), get_client("dynamodb")
    os.environ["TABLE"] = "orders"
    dynamodb.create_table(
        TableName="orders",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "order_id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "order_id", "KeyType": "HASH"}],
    )
    queue = sqs.create_queue(QueueName="orders")["QueueUrl"]
    for order in ORDERS:
        sqs.send_message(QueueUrl=queue, MessageBody=json.dumps(order))

    messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    failures = handler(event(messages), DefaultLambdaContext())["batchItemFailures"]
    failed = {failure["itemIdentifier"] for failure in failures}
    for message in messages:
        if message["MessageId"] not in failed:
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])

    stored = dynamodb.scan(TableName="orders")["Items"]
    print("Stored:", sorted(item["order_id"]["S"] for item in stored))
    remaining = [json.loads(it["Body"]) for it in messages if it["MessageId"] in failed]
    print("Back in the queue:", [order["order_id"] for order in remaining])


def event(messages: list[dict]) -> dict:
    """Return the event that the event source mapping makes of messages."""
    records = [
        {"messageId": it["MessageId"], "body": it["Body"], "eventSource": "aws:sqs"}
        for it in messages
    ]
    return {"Records": records}
