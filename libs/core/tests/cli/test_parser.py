"""Numbers among the arguments of commands."""

from __future__ import annotations

import pytest
from aibs_informatics_aws_lambda.common.cli import mcp_server, serve, watch
from tables import table


@table(
    "module, arguments, message",
    {
        "a negative interval": (watch, "arn --interval -1", "'-1' is not a number of seconds"),
        "no number": (watch, "arn --interval nan", "'nan' is not a number of seconds"),
        "no pause": (watch, "arn --interval 0", "between 0.1 and 86400"),
        "a large port": (serve, "x:y --port 70000", "'70000' is not a port between 0 and 65535"),
        "a word": (serve, "x:y --port http", "'http' is not a port"),
        "a port of tools": (mcp_server, "--port -1", "'-1' is not a port"),
        "no bytes": (mcp_server, "--max-request-bytes 0", "'0' is not a size in bytes"),
    },
)
def test_number_out_of_its_range_is_named(capsys, module, arguments, message):
    with pytest.raises(SystemExit):
        module.make_parser().parse_args(arguments.split())
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
