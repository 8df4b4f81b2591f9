from dataclasses import dataclass

from aibs_informatics_aws_lambda.common.handler import LambdaHandler

from specimens.models import LabelRequest, LabelResponse


@dataclass
class LabelHandler(LambdaHandler[LabelRequest, LabelResponse]):
    prefix: str = "specimen"

    def handle(self, request: LabelRequest) -> LabelResponse:
        if request.label == "broken":
            raise ValueError("the label is broken")
        self.log.info("labelled %s", request.specimen_id)
        self.metrics.add_count_metric("Labelled", 1)
        return LabelResponse(
            label=f"{self.prefix}-{request.specimen_id}-{request.label}",
            environment=str(self.env_base),
        )

    @classmethod
    def deserialize_dynamodb_record(cls, record):
        return cls.deserialize_request(dict(record.dynamodb.new_image))

    @classmethod
    def should_process_sqs_record(cls, record):
        return "skip" not in record.body


lambda_handler = LabelHandler.get_handler(prefix="box")
queue_handler = LabelHandler.get_sqs_batch_handler()
fifo_handler = LabelHandler.get_sqs_batch_handler(queue_type="fifo")
stream_handler = LabelHandler.get_dynamodb_stream_handler()
