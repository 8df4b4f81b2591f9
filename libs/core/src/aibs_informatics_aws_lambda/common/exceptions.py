"""The exceptions of the toolkit."""


class ApplicationException(Exception):  # noqa: N818 - the name is part of the public contract
    """The application is not configured correctly."""


class ValidationError(ValueError):
    """Data does not fit its model, or a string does not have the required format."""


class AWSError(ValueError):
    """A request to an AWS service failed; the message has the resource and the cause.

    Attributes:
        is_general: whether the cause is not the resource, but the service, the network, the
            credentials or the bucket: requests about other resources would fail as well.
        is_forbidden: whether the credentials do not allow the request.
    """

    is_general = False
    is_forbidden = False


class ResourceNotFoundError(AWSError):
    """The AWS resource does not exist."""
