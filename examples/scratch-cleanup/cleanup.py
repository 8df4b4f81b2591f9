"""Propose what to remove from scratch space, and remove what someone has approved."""

import os

from aibs_informatics_aws_lambda.common import (
    LambdaHandler,
    PydanticBaseModel,
    S3ObjectEvent,
    S3Path,
    download_to_json_object,
    upload_json,
)
from aibs_informatics_aws_lambda.handlers.data_sync import (
    outdated_data_path_scanner_handler,
    remove_data_paths_handler,
)
from aibs_informatics_aws_lambda.handlers.notifications import notification_router_handler
from aibs_informatics_aws_lambda.storage.data_sync import RemoveDataPathsResponse


class ProposeRequest(PydanticBaseModel):
    path: str
    days: float
    name: str


class Proposal(PydanticBaseModel):
    paths: list[str]
    location: S3Path


class ProposeRemoval(LambdaHandler[ProposeRequest, Proposal]):
    """Store the stale paths, and ask `APPROVER` by mail."""

    def handle(self, request):
        scan = {
            "path": request.path,
            "days_since_last_accessed": request.days,
            "min_depth": 1,
            "with_plan": True,
        }
        found = outdated_data_path_scanner_handler(scan, self.context)
        location = S3Path(f"s3://{os.environ['BUCKET']}/proposed/{request.name}.json")
        upload_json(found, location)
        approved = f"s3://{location.bucket}/approved/{request.name}.json"
        message = (
            f"{len(found['paths'])} paths below {request.path} are stale: {location}\n\n"
            f"To remove them: aws s3 cp {location} {approved}\n"
            "To keep some of them, delete these from `paths` in a copy, and upload that.\n"
        )
        content = {"subject": f"Remove stale files of {request.path}?", "message": message}
        targets = [{"recipients": [os.environ["APPROVER"]]}]
        notification_router_handler({"content": content, "targets": targets}, self.context)
        return Proposal(paths=found["paths"], location=location)


class RemoveApproved(LambdaHandler[S3ObjectEvent, RemoveDataPathsResponse]):
    """Remove the paths of an approved proposal, but those that have changed since the scan."""

    def handle(self, request):
        proposal = download_to_json_object(request.path)
        return RemoveDataPathsResponse(**remove_data_paths_handler(proposal, self.context))


propose = ProposeRemoval.get_handler()
remove = RemoveApproved.get_sqs_batch_handler(envelopes=("s3",))
