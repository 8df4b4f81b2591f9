"""``data-sync probe``: find out how a service compatible with S3 differs from S3."""

from collections.abc import Iterator, Sequence
from typing import Any

from aibs_informatics_aws_lambda.common.aws import named_errors
from aibs_informatics_aws_lambda.common.cli.errors import ExitCode, UsageError
from aibs_informatics_aws_lambda.common.exceptions import AWSError
from aibs_informatics_aws_lambda.common.model import PydanticBaseModel
from aibs_informatics_aws_lambda.common.s3 import S3Path
from pydantic import Field

from ..locations import resolve
from ..s3.botocore_client import s3_client
from .arguments import PROGRAM, Parser, add_output_options, parse_path
from .connection import add_connection_options, use_connection
from .messages import configure_logging
from .output import print_json, print_lines

_PROGRAM = f"{PROGRAM} probe"

_DESCRIPTION = """\
Find out how a service compatible with S3 differs from S3, and what follows for syncs.
It writes some objects below a new prefix, and deletes them at the end.
"""

_EXAMPLES = f"""\
examples:
  {_PROGRAM} s3://bucket/scratch/ --endpoint-url http://127.0.0.1:9000
  {_PROGRAM} s3://bucket/scratch/ --json
"""


class Finding(PydanticBaseModel):
    """One behavior of a service."""

    behavior: str = Field(description="what S3 does")
    supported: bool = Field(description="whether the service does it")
    reason: str | None = Field(None, description="the error, if a request was refused")
    advice: str | None = Field(None, description="what follows for syncs if it is not supported")


class ProbeResponse(PydanticBaseModel):
    """The behavior of a service."""

    location: S3Path
    findings: list[Finding]


def run(arguments: Sequence[str]) -> ExitCode:
    """Probe the service at the location that the arguments give.

    Raises:
        UsageError: the location is not in S3.
        AWSError: the bucket cannot be written to.
    """
    options = make_parser().parse_args(arguments)
    configure_logging(_PROGRAM, verbose=options.verbose, form=options.log_format)
    use_connection(options)
    location = resolve(options.location)
    if not isinstance(location, S3Path):
        raise UsageError(f"{options.location} is not an S3 URI: probe takes s3://bucket/prefix/")
    response = ProbeResponse(location=location, findings=list(probe_service(location)))
    if options.json:
        print_json(response)
    else:
        print_lines(_format(response))
    return ExitCode.DONE


def make_parser() -> Parser:
    """Return the parser."""
    parser = Parser(_PROGRAM, _DESCRIPTION, _EXAMPLES, usage="%(prog)s [options] LOCATION")
    parser.add_argument(
        "location", metavar="LOCATION", type=parse_path, help="S3 URI of a prefix to write below"
    )
    add_connection_options(parser)
    add_output_options(parser)
    return parser


def probe_service(location: S3Path) -> Iterator[Finding]:
    """Try each behavior, and delete the objects that were written.

    Raises:
        AWSError: the bucket cannot be written to.
    """
    import uuid

    # Here, so that the help loads no AWS SDK.
    from botocore.exceptions import ClientError

    from .behaviors import BEHAVIORS, Probe

    folder = location.with_folder_suffix.key
    probe = Probe(s3_client(), location.bucket, f"{folder}data-sync-probe-{uuid.uuid4().hex}/")
    with named_errors(f"write to {location}", permission="s3:PutObject"):
        probe.put("writable")
    try:
        for behavior in BEHAVIORS:
            reason = None
            try:
                supported = behavior.check(probe)
            except ClientError as error:
                supported, reason = False, _reason(error.response)
            advice = None if supported else behavior.advice
            yield Finding(
                behavior=behavior.name, supported=supported, reason=reason, advice=advice
            )
    finally:
        _clean_up(probe)


def _clean_up(probe: Any) -> None:
    with named_errors(f"list s3://{probe.bucket}/{probe.prefix}", permission="s3:ListBucket"):
        remaining = probe.clean_up()
    if remaining:
        raise AWSError(
            f"cannot delete s3://{probe.bucket}/{remaining[0]} and {len(remaining) - 1} more. "
            "Grant s3:DeleteObject on the bucket to the role in use, and delete "
            f"s3://{probe.bucket}/{probe.prefix}"
        )


def _reason(response: Any) -> str:
    status = response["ResponseMetadata"]["HTTPStatusCode"]
    return f"{response['Error'].get('Code', 'Unknown')} ({status})"


def _format(response: ProbeResponse) -> Iterator[str]:
    missing = [finding for finding in response.findings if not finding.supported]
    for finding in response.findings:
        reason = f": {finding.reason}" if finding.reason else ""
        yield f"{'yes' if finding.supported else 'no ':<4} {finding.behavior}{reason}"
        if finding.advice:
            yield f"     {finding.advice}"
    yield f"{len(response.findings) - len(missing)} of {len(response.findings)} as in S3"
