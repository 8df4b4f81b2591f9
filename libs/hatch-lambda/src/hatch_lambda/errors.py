"""The error for problems that the user can fix."""


class LambdaBuildError(Exception):
    """A build error with a message for the user, shown without a traceback."""
