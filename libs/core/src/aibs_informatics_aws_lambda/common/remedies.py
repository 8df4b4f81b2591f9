"""What to do about an error of an AWS service, by its code and message."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_KEY = "Check the access key ID: AWS_ACCESS_KEY_ID, or the profile in use"
_SIGNATURE = "Check the secret access key: AWS_SECRET_ACCESS_KEY, or the profile in use"
_RENEW = "Renew the temporary credentials in use"
_CLOCK = "Set the clock of this machine: it differs from that of the service"
_OF_THE_BUCKET = "the region of the bucket"
_REGION = f"Set AWS_REGION to {_OF_THE_BUCKET}"
_THROTTLED = "The service throttles requests: send fewer in parallel, or try again later"
_CHANGED = "The object changed after it was listed: try again"
_ARCHIVED = "The object is archived: restore it, then try again"
_KMS_KEY = "Enable the KMS key, or use one that exists, in the same region"

# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html and
# https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html
_REMEDIES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "AuthorizationHeaderMalformed": _REGION,
        "BucketRegionError": _REGION,
        "ConditionalRequestConflict": _CHANGED,
        "EntityTooLarge": "The object would be larger than the service allows",
        "ExpiredToken": _RENEW,
        "ExpiredTokenException": _RENEW,
        "IllegalLocationConstraintException": _REGION,
        "InsufficientStorage": "Free space at the service, or raise its quota",
        "InvalidAccessKeyId": _KEY,
        "InvalidBucketName": "Correct the name of the bucket",
        "InvalidClientTokenId": _KEY,
        "InvalidObjectState": _ARCHIVED,
        "InvalidSignatureException": _SIGNATURE,
        "InvalidToken": _RENEW,
        "KMS.DisabledException": _KMS_KEY,
        "KMS.KMSInvalidStateException": _KMS_KEY,
        "KMS.NotFoundException": _KMS_KEY,
        "NoSuchBucket": "Correct the name, or create the bucket",
        "NotImplemented": "The service does not support this operation",
        "PermanentRedirect": _REGION,
        "PreconditionFailed": _CHANGED,
        "QuotaExceeded": "Free space at the service, or raise its quota",
        "RequestExpired": _CLOCK,
        "RequestLimitExceeded": _THROTTLED,
        "RequestTimeTooSkewed": _CLOCK,
        "SignatureDoesNotMatch": _SIGNATURE,
        "SlowDown": _THROTTLED,
        "Throttling": _THROTTLED,
        "ThrottlingException": _THROTTLED,
        "TooManyRequests": _THROTTLED,
        "TooManyRequestsException": _THROTTLED,
        "UnrecognizedClientException": _KEY,
    }
)
_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
# Responses to HEAD have no body, so that boto3 has only the status.
_WITHOUT_REASON = frozenset({"403", "Forbidden"})

# Compiled when they are used: few runs meet such an error.
_ACTION = r"not authorized to perform: ([\w-]+:\w+)"
_KMS_ACTION = r"\bkms:\w+"
_EXPLICIT_DENY = r"explicit deny in (an? [\w -]*policy)"
_EXPECTED_REGION = r"expecting '([a-z0-9-]+)'"


def find_remedy(code: str, message: str, permission: str) -> str:
    """Return what to do about an error, as a sentence without a period; empty if unknown.

    A permission is recommended only where the service says that it is missing.

    Args:
        code: the code of the error.
        message: its message.
        permission: the IAM action of the request.
    """
    if code in _WITHOUT_REASON:
        return (
            f"Grant {permission} to the role in use if its policies do not allow {permission}, "
            "and check its credentials: the service gives no reason"
        )
    if code not in _DENIED:
        remedy = _REMEDIES.get(code, "")
        expected = re.search(_EXPECTED_REGION, message) if remedy == _REGION else None
        return f"Set AWS_REGION to {expected[1]}, {_OF_THE_BUCKET}" if expected else remedy
    found = re.search(_ACTION, message)
    action = found[1] if found else permission
    denial = re.search(_EXPLICIT_DENY, message)
    if denial:
        return f"Remove the explicit deny of {action} in {denial[1]}, or use another role"
    key = re.search(_KMS_ACTION, message)
    if key:
        return f"Grant {key[0]} on the KMS key to the role in use, in its policy and in the key's"
    return (
        f"Grant {action} to the role in use: its policies, or those of another account that owns "
        f"the resource, do not allow {action}"
    )
