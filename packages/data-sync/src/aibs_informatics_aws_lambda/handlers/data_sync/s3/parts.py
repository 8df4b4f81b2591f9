"""The parts of objects that were uploaded in parts, which their ETags depend on."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future

from aibs_informatics_aws_lambda.common.exceptions import AWSError

from ..ahead import start_ahead
from .client import S3
from .requests import PART_BYTES, ObjectVersion, Response, head_part

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
MAX_PARTS = 10_000

# https://docs.openstack.org/swift/latest/admin/middleware.html: max_upload_part_num
_FEW_PARTS = 1000

_MIB = 2**20
# Several of these fit the memory of the client.
_LARGE_PART_BYTES = 64 * _MIB
_MIN_PART_BYTES = 5 * _MIB
# The part sizes of other tools, for services that do not tell the size of a part.
_COMMON_PART_BYTES = tuple(
    _MIB * count
    for count in (5, 6, 8, 10, 12, 15, 16, 20, 25, 30, 32, 40, 48, 50, 60, 64, 80, 96, 100, 120)
) + tuple(_MIB * count for count in (125, 128, 150, 200, 250, 256, 300, 400, 500, 512, 1000, 1024))

_PARALLEL_REQUESTS = 32


def part_bytes_for(size: int) -> int:
    """Return the part size for the multipart upload of an object of the given size."""
    part_bytes = PART_BYTES
    while part_bytes * MAX_PARTS < size:
        part_bytes *= 2
    return part_bytes


def upload_part_bytes(size: int, *, is_aws: bool, wanted: int | None = None) -> int:
    """Return the part size for an upload: larger where a service may accept fewer parts.

    Swift accepts 1,000 parts by default, and refuses the next one once all of them were sent.

    Args:
        size: the size of the file, in bytes.
        is_aws: whether the service is known to accept 10,000 parts.
        wanted: the part size to use, unless S3 would not accept as many parts.
    """
    if wanted:
        return max(wanted, -(-size // MAX_PARTS))
    part_bytes = part_bytes_for(size)
    while not is_aws and part_bytes * _FEW_PARTS < size and part_bytes < _LARGE_PART_BYTES:
        part_bytes *= 2
    return part_bytes


def split_parts(size: int, part_bytes: int) -> list[int]:
    """Return the sizes of the parts of an object, all but the last of which have one size."""
    number = max(1, -(-size // max(1, part_bytes)))
    return [part_bytes] * (number - 1) + [size - part_bytes * (number - 1)]


def parts_of(etag: str) -> int | None:
    """Return the number of parts of a multipart upload, or `None` for a single PutObject."""
    _, dash, number = etag.partition("-")
    return int(number) if dash and number.isdecimal() else None


def known_part_sizes(s3: S3, version: ObjectVersion, size: int) -> Iterator[list[int]]:
    """Yield the sizes that the parts of an object may have, as the service reports them.

    First the sizes if all but the last part have the size of the first one, then, if other sizes
    are asked for, the sizes of all parts. A service may not tell any.

    Args:
        s3: the S3 client.
        version: the object, which was uploaded in parts.
        size: its size in bytes.
    """
    number = parts_of(version.etag) or 0
    try:
        first = _size_of(s3.ask(head_part(version.bucket, version.key, 1)))
        if number < 1 or (number > 1 and first >= size):
            # The service ignores the number of the part.
            return
        regular = split_parts(size, first)
        if len(regular) == number:
            yield regular
        sizes = _all_sizes(s3, version, number, first)
    except AWSError:
        return
    if sum(sizes) == size and sizes != regular:
        yield sizes


def _all_sizes(s3: S3, version: ObjectVersion, number: int, first: int) -> list[int]:
    def look(part: int) -> Future[Response]:
        return s3.send(head_part(version.bucket, version.key, part))

    sent = start_ahead(range(2, number + 1), look, _PARALLEL_REQUESTS)
    return [first, *(_size_of(future.result()) for _, future in sent)]


def _size_of(response: Response) -> int:
    return int(response.headers.get("content-length", 0))


def common_part_sizes(size: int, number: int) -> Iterator[list[int]]:
    """Yield the sizes of parts of common tools that give an object its number of parts."""
    for part_bytes in _COMMON_PART_BYTES:
        if -(-size // part_bytes) == number:
            yield split_parts(size, part_bytes)


def is_copyable(sizes: Sequence[int]) -> bool:
    """Return whether an object can be put together from parts of some sizes."""
    return bool(sizes[-1]) and all(size >= _MIN_PART_BYTES for size in sizes[:-1])
