"""What a path names, on whatever side it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from aibs_informatics_aws_lambda.common.s3 import S3Path

from .entries import Listing
from .local.walk import find_local
from .locations import Location

if TYPE_CHECKING:
    from .s3.client import S3


def find_source(location: Location, s3: Callable[[], S3]) -> Listing:
    """Return what a path names.

    Args:
        location: where it is, as `locations.resolve` returns it.
        s3: makes what S3 is asked with; called only for a path on S3.

    Raises:
        OSError: a local path cannot be looked at.
        AWSError: S3 cannot be asked, or has no such bucket.
    """
    if not isinstance(location, S3Path):
        return find_local(location)
    # Functions that look at disks start without what asks S3.
    from .s3.listing import find_in_s3

    return find_in_s3(s3(), location)
