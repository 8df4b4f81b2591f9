"""Messages of errors of connections to registries."""

import re

from urllib3.exceptions import HTTPError, MaxRetryError, SSLError

# The connection or pool that messages of urllib3 start with, in its versions 2 and 1.26.
_CONNECTION = re.compile(r"^<?[\w.]+(\(host=.*?\)| object at 0x\w+>): ")


def describe_error(error: HTTPError) -> str:
    """Return the cause of a connection error, and for an error of TLS also the remedy."""
    cause = error.reason if isinstance(error, MaxRetryError) else error
    text = _CONNECTION.sub("", str(cause))
    if not isinstance(cause, SSLError):
        return text
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return (
            f"{text}. If the certificate is that of a private certificate authority, set "
            "AWS_CA_BUNDLE to a file with its certificate."
        )
    return f"{text}. If the registry does not use TLS, give its URL with http://."
