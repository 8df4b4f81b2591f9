import pytest
from aibs_informatics_aws_lambda.handlers.ecr.registry.connection_errors import describe_error
from urllib3 import HTTPConnectionPool
from urllib3.exceptions import MaxRetryError, NewConnectionError, ProtocolError, SSLError

POOL = HTTPConnectionPool("host")
OLD = "<urllib3.connection.HTTPConnection object at 0x7f00>"
CERTIFICATE = "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate"


@pytest.mark.parametrize(
    ("error", "description"),
    [
        (NewConnectionError(POOL, "Connection refused"), "Connection refused"),
        (ProtocolError(f"{OLD}: Connection refused"), "Connection refused"),
        (ProtocolError("a (host=b): Connection refused"), "a (host=b): Connection refused"),
        (MaxRetryError(POOL, "/", ProtocolError("Connection aborted.")), "Connection aborted."),
        (
            MaxRetryError(POOL, "/", SSLError("[SSL: WRONG_VERSION_NUMBER] wrong version")),
            "[SSL: WRONG_VERSION_NUMBER] wrong version. If the registry does not use TLS, give "
            "its URL with http://.",
        ),
        (
            SSLError(CERTIFICATE),
            f"{CERTIFICATE}. If the certificate is that of a private certificate authority, set "
            "AWS_CA_BUNDLE to a file with its certificate.",
        ),
    ],
)
def test_description_has_the_cause_and_the_remedy(error, description):
    assert describe_error(error) == description
