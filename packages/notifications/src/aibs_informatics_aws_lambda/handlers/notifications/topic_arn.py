"""ARNs of SNS topics."""

import re
from typing import ClassVar

from aibs_informatics_aws_lambda.common.checked_text import CheckedText
from aibs_informatics_aws_lambda.common.exceptions import ValidationError

# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html, and
# https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html for the name.
# The partitions are those of botocore, which is too slow to import for them.
_ARN = re.compile(
    r"arn:aws(-cn|-us-gov|-eusc|-iso|-iso-b|-iso-e|-iso-f)?:sns:"
    r"([A-Za-z0-9_-]*):[0-9]{12}:[A-Za-z0-9_-]+(\.fifo)?"
)


class SNSTopicArn(CheckedText):
    """The ARN of an SNS topic: ``arn:aws:sns:REGION:ACCOUNT:NAME``.

    Raises:
        ValidationError: not the ARN of a topic; the ARN of a subscription is not one.
    """

    __slots__ = ()

    json_schema: ClassVar = {
        "pattern": f"^{_ARN.pattern}$",
        "examples": ["arn:aws:sns:us-west-2:123456789012:alerts"],
    }

    @classmethod
    def _checked(cls, text: str) -> str:
        if not _ARN.fullmatch(text):
            raise ValidationError(
                f"{text!r} is not the ARN of an SNS topic such as {cls.json_schema['examples'][0]}"
            )
        return text

    @property
    def region(self) -> str:
        """Region of the topic; may be empty."""
        return self.split(":")[3]

    @property
    def is_fifo(self) -> bool:
        """Whether this is a FIFO topic, which requires a message group ID."""
        return self.endswith(".fifo")
