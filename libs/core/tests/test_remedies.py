from __future__ import annotations

import pytest
from aibs_informatics_aws_lambda.common.remedies import find_remedy
from tables import table

USER = "User: arn:aws:iam::123456789012:user/u is not authorized to perform"


@table(
    "code, message, remedy",
    {
        "a denied action is granted": (
            "AccessDenied",
            "Access Denied",
            "Grant s3:GetObject to the role in use: its policies, or those of another account "
            "that owns the resource, do not allow s3:GetObject",
        ),
        "other services have another code for it": (
            "AccessDeniedException",
            "",
            "Grant s3:GetObject to the role in use: its policies, or those of another account "
            "that owns the resource, do not allow s3:GetObject",
        ),
        "the action that the service names is granted": (
            "AccessDenied",
            f"{USER}: s3:GetObjectVersion because no identity-based policy allows it",
            "Grant s3:GetObjectVersion to the role in use: its policies, or those of another "
            "account that owns the resource, do not allow s3:GetObjectVersion",
        ),
        "the use of a key is granted": (
            "AccessDenied",
            f"{USER}: kms:Decrypt on this resource because the resource does not exist",
            "Grant kms:Decrypt on the KMS key to the role in use, in its policy and in the key's",
        ),
        "an explicit deny is removed": (
            "AccessDenied",
            f"{USER}: s3:GetObject with an explicit deny in a service control policy",
            "Remove the explicit deny of s3:GetObject in a service control policy, or use another "
            "role",
        ),
        "the service gives no reason": (
            "403",
            "Forbidden",
            "Grant s3:GetObject to the role in use if its policies do not allow s3:GetObject, and "
            "check its credentials: the service gives no reason",
        ),
        "an unknown access key is checked": (
            "InvalidAccessKeyId",
            "",
            "Check the access key ID: AWS_ACCESS_KEY_ID, or the profile in use",
        ),
        "a wrong secret is checked": (
            "SignatureDoesNotMatch",
            "",
            "Check the secret access key: AWS_SECRET_ACCESS_KEY, or the profile in use",
        ),
        "a clock is set": (
            "RequestTimeTooSkewed",
            "",
            "Set the clock of this machine: it differs from that of the service",
        ),
        "credentials that have expired are renewed": (
            "ExpiredToken",
            "",
            "Renew the temporary credentials in use",
        ),
        "an archived object is restored": (
            "InvalidObjectState",
            "The operation is not valid for the object's storage class",
            "The object is archived: restore it, then try again",
        ),
        "a missing bucket is created": (
            "NoSuchBucket",
            "",
            "Correct the name, or create the bucket",
        ),
        "another region is set": (
            "PermanentRedirect",
            "",
            "Set AWS_REGION to the region of the bucket",
        ),
        "the region that the service expects is named": (
            "AuthorizationHeaderMalformed",
            "the region 'us-east-1' is wrong; expecting 'eu-west-1'",
            "Set AWS_REGION to eu-west-1, the region of the bucket",
        ),
        "a changed object is transferred again": (
            "PreconditionFailed",
            "",
            "The object changed after it was listed: try again",
        ),
        "a disabled key is enabled": (
            "KMS.DisabledException",
            "",
            "Enable the KMS key, or use one that exists, in the same region",
        ),
        "a service that throttles is asked less": (
            "SlowDown",
            "",
            "The service throttles requests: send fewer in parallel, or try again later",
        ),
        "for an unknown code there is no advice": ("Teapot", "short and stout", ""),
    },
)
def test_remedy_by_cause(code, message, remedy):
    assert find_remedy(code, message, "s3:GetObject") == remedy


@pytest.mark.parametrize(
    "code",
    ["SignatureDoesNotMatch", "InvalidAccessKeyId", "RequestTimeTooSkewed", "InvalidObjectState"],
)
def test_permission_is_recommended_for_a_denied_action_only(code):
    assert "s3:GetObject" not in find_remedy(code, "status 403", "s3:GetObject")
