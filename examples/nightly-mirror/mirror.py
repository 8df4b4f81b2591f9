"""Mirror a folder to S3 every night, and send a mail if that fails."""

import os

from aibs_informatics_aws_lambda.common import LambdaHandler, PydanticBaseModel
from aibs_informatics_aws_lambda.handlers.data_sync import data_sync_handler
from aibs_informatics_aws_lambda.handlers.notifications import notification_router_handler


class MirrorRequest(PydanticBaseModel):
    source_path: str
    destination_path: str


class MirrorResponse(PydanticBaseModel):
    files_transferred: int
    files_deleted: int
    incomplete: bool = False


class NightlyMirror(LambdaHandler[MirrorRequest, MirrorResponse]):
    """Mirror a folder, and send a mail to `RECIPIENT` if that fails."""

    def handle(self, request):
        sync = {
            **request.to_dict(),
            "delete": True,
            "max_delete": "10%",  # An empty mount must not empty the mirror.
            "deadline": "auto",  # The next night continues where this one stops.
        }
        try:
            response = data_sync_handler(sync, self.context)
        except Exception as error:
            self.notify(f"The mirror of {request.source_path} failed", str(error))
            raise  # For the alarm on errors, and the retries of the schedule.
        result = response["result"]
        return MirrorResponse(
            files_transferred=result["files_transferred"],
            files_deleted=result["files_deleted"],
            incomplete=response.get("incomplete", False),
        )

    def notify(self, subject: str, message: str) -> None:
        targets = [{"recipients": [os.environ["RECIPIENT"]]}]
        content = {"subject": subject, "message": message}
        notification_router_handler({"content": content, "targets": targets}, self.context)


handler = NightlyMirror.get_handler()
