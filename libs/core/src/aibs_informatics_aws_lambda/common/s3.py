"""S3 URIs, and JSON documents in S3."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import PurePath, PurePosixPath
from typing import TYPE_CHECKING, Any, ClassVar

from .checked_text import CheckedText
from .exceptions import AWSError, ValidationError

if TYPE_CHECKING:
    from .json_io import JSON, JSONObject

S3_SCHEME = "s3://"
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html, and upper case,
# which buckets created before 2018 may have.
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{1,61}[A-Za-z0-9]")
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-points-naming.html
_ACCESS_POINT = (
    r"(arn:aws[a-z-]*:s3:[a-z0-9-]+:\d{12}:accesspoint)[:/]([a-z0-9][a-z0-9-]{1,48}[a-z0-9])"
)
_OTHER_ARNS = (
    (r"arn:[^:]*:s3::", "multi-Region access points are not supported, as they need SigV4A"),
    (r"arn:[^:]*:s3-outposts:", "S3 on Outposts is not supported"),
    (r"arn:[^:]*:s3-object-lambda:", "S3 Object Lambda access points are not supported"),
    (r"arn:[^:]*:s3express:", "directory buckets are not supported, nor are their access points"),
)
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
MAX_KEY_BYTES = 1024

# botocore retries a request, but not reading a body whose connection breaks.
_BODY_RETRIES = 3


def is_access_point(bucket: str) -> bool:
    """Return whether the name of a bucket is the ARN or the alias of an access point."""
    return bucket.startswith("arn:") or bucket.endswith("-s3alias")


class S3Path(CheckedText):
    """The URI of a bucket, a key prefix or an object: ``s3://BUCKET[/KEY]``.

    The key may be any key that S3 accepts; repeated slashes in it collapse to one. The bucket may
    be the ARN of an access point, whose name then follows a colon rather than a slash.

    Raises:
        ValidationError: the text is not an S3 URI; the message has the reason.
    """

    __slots__ = ()

    json_schema: ClassVar = {
        "pattern": f"^s3://({_BUCKET.pattern}|{_ACCESS_POINT})(/.*)?$",
        "examples": ["s3://bucket/key"],
    }

    @classmethod
    def _checked(cls, text: str) -> str:
        if not text.startswith(S3_SCHEME):
            raise ValidationError(f"{text!r} is not an S3 URI: it does not start with {S3_SCHEME}")
        if text.startswith(f"{S3_SCHEME}arn:"):
            return _checked_access_point(text)
        bucket, slash, key = text[len(S3_SCHEME) :].partition("/")
        if not _BUCKET.fullmatch(bucket):
            raise ValidationError(
                f"{text!r} is not an S3 URI: the bucket name {bucket!r} is not 3 to 63 letters, "
                "digits, '-' or '.' that start and end with a letter or digit"
            )
        return f"{S3_SCHEME}{bucket}{slash}{_checked_key(key)}"

    @classmethod
    def build(cls, bucket_name: str, key: str = "") -> S3Path:
        """Return the URI of ``key`` in a bucket; leading slashes of the key are dropped."""
        return cls(f"{S3_SCHEME}{bucket_name}/{key}")

    @property
    def bucket(self) -> str:
        """The name of the bucket."""
        return self[len(S3_SCHEME) :].partition("/")[0]

    bucket_name = bucket

    @property
    def key(self) -> str:
        """The key, or key prefix; empty for the whole bucket."""
        return self[len(S3_SCHEME) :].partition("/")[2]

    @property
    def key_with_folder_suffix(self) -> str:
        """The key with exactly one trailing slash; empty for the whole bucket."""
        return self.with_folder_suffix.key

    @property
    def name(self) -> str:
        """The last segment of the key, without a trailing slash."""
        return self.key.rstrip("/").rpartition("/")[2]

    @property
    def suffix(self) -> str:
        """The extension of the name, such as ``.csv``; empty without one."""
        return PurePosixPath(self.name).suffix

    @property
    def parent(self) -> S3Path:
        """The parent prefix, with a trailing slash."""
        folder, slash, _ = self.key.rstrip("/").rpartition("/")
        return type(self).build(self.bucket, folder + slash)

    @property
    def with_folder_suffix(self) -> S3Path:
        """This URI with exactly one trailing slash."""
        return type(self)(self.rstrip("/") + "/")

    def has_folder_suffix(self) -> bool:
        """Return whether the key ends with a slash."""
        return self.key.endswith("/")

    def with_suffix(self, suffix: str) -> S3Path:
        """Return this URI with another extension, as `pathlib.PurePath.with_suffix` does.

        Raises:
            ValueError: the key is empty, or ``suffix`` is invalid.
        """
        name = PurePosixPath(self.name).with_suffix(suffix).name
        return self.parent / name

    def as_uri(self) -> str:
        """Return this URI as a plain string."""
        return str(self)

    as_s3_uri = as_uri

    def as_hosted_s3_url(self, aws_region: str) -> str:
        """Return the virtual-hosted-style URL of this object, percent-encoded."""
        from urllib.parse import quote

        return f"https://{self.bucket}.s3.{aws_region}.amazonaws.com/{quote(self.key)}"

    def as_dict(self) -> dict[str, str]:
        """Return ``Bucket`` and ``Key``, the arguments of boto3 for this object."""
        return {"Bucket": self.bucket, "Key": self.key}

    def __truediv__(self, other: str | PurePath) -> S3Path:
        if not isinstance(other, str | PurePath):
            return NotImplemented
        return type(self)(f"{self.with_folder_suffix}{_relative_key(other)}")

    def __floordiv__(self, other: str | PurePath) -> S3Path:
        if not isinstance(other, str | PurePath):
            return NotImplemented
        return type(self).build(self.bucket, _relative_key(other))

    def __add__(self, other: str) -> S3Path:
        return type(self)(f"{self}{other}")


def _checked_access_point(text: str) -> str:
    """Return the URI of an access point, or of a key at it, with a colon before its name.

    Raises:
        ValidationError: the ARN is not that of an access point in a Region.
    """
    arn = text[len(S3_SCHEME) :]
    found = re.match(_ACCESS_POINT, arn)
    rest = arn[found.end() :] if found else ""
    if found and (not rest or rest.startswith("/")):
        return f"{S3_SCHEME}{found[1]}:{found[2]}{rest[:1]}{_checked_key(rest[1:])}"
    for pattern, reason in _OTHER_ARNS:
        if re.match(pattern, arn):
            raise ValidationError(
                f"{text!r} cannot be used: {reason}. Give a bucket or an access point of a Region"
            )
    raise ValidationError(
        f"{text!r} is not an S3 URI: an ARN must be that of an access point, such as "
        "arn:aws:s3:us-west-2:123456789012:accesspoint/NAME"
    )


def _relative_key(path: str | PurePath) -> str:
    """Return the key to append for a string, a path or the key of another URI."""
    text = path.key if isinstance(path, S3Path) else str(path)
    return text.lstrip("/")


def download_to_json(s3_path: S3Path, **client: Any) -> JSON:
    """Read the JSON document in an object.

    Args:
        s3_path: the URI of the object.
        client: arguments of `common.aws.get_client`, such as ``region_name``.

    Raises:
        ResourceNotFoundError: there is no such object or bucket.
        AWSError: the object cannot be read, or does not contain JSON.
    """
    # Not for URIs alone, which are most of what is imported from here.
    from .json_io import parse_json

    body = _read(s3_path, **client)
    try:
        return parse_json(body)
    except ValueError as error:
        raise AWSError(f"{s3_path} does not contain JSON: {error}") from None


def download_to_json_object(s3_path: S3Path, **client: Any) -> JSONObject:
    """Read a JSON object, as `download_to_json` does.

    Raises:
        AWSError: as `download_to_json`, or the document is of another type.
    """
    document = download_to_json(s3_path, **client)
    if not isinstance(document, dict):
        raise AWSError(f"{s3_path} contains a JSON {type(document).__name__}, expected an object")
    return document


def upload_json(
    content: JSON, s3_path: S3Path, extra_args: dict[str, Any] | None = None, **client: Any
) -> None:
    """Write ``content`` as one line of JSON with sorted keys; an existing object is replaced.

    Args:
        content: the document.
        s3_path: the URI of the object.
        extra_args: further arguments of the request, such as ``Tagging`` or ``Metadata``.
        client: arguments of `common.aws.get_client`, such as ``region_name``.

    Raises:
        TypeError: ``content`` contains a value that cannot be written as JSON.
        ResourceNotFoundError: there is no such bucket.
        AWSError: the object cannot be written.
    """
    from io import BytesIO

    from .aws import get_client, named_errors
    from .json_io import dump_json_line

    _check_key(s3_path)
    body = dump_json_line(content).encode()
    arguments = {"ContentType": "application/json", **(extra_args or {})}
    with named_errors(f"write {s3_path}", permission="s3:PutObject"):
        get_client("s3", **client).upload_fileobj(
            BytesIO(body), s3_path.bucket, s3_path.key, ExtraArgs=arguments
        )


def bucket_exists(bucket: str, **client: Any) -> bool:
    """Return whether a bucket exists; one that may not be accessed counts as existing."""
    from botocore.exceptions import ClientError

    from .aws import get_client, named_errors

    with named_errors(f"check the bucket {bucket}", permission="s3:ListBucket"):
        try:
            get_client("s3", **client).head_bucket(Bucket=bucket)
        except ClientError as error:
            return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") != 404
    return True


def _read(s3_path: S3Path, **client: Any) -> bytes:
    from botocore import exceptions as errors

    from .aws import get_client, named_errors

    _check_key(s3_path)
    with named_errors(f"read {s3_path}", permission="s3:GetObject"):
        s3 = get_client("s3", **client)
        for _ in range(_BODY_RETRIES):
            body = s3.get_object(**s3_path.as_dict())["Body"]
            with suppress(
                errors.IncompleteReadError, errors.ReadTimeoutError, errors.ResponseStreamingError
            ):
                return bytes(body.read())
        return bytes(s3.get_object(**s3_path.as_dict())["Body"].read())


def _check_key(s3_path: S3Path) -> None:
    if not s3_path.key:
        raise AWSError(
            f"{s3_path} is a bucket, not an object: add a key, {s3_path.rstrip('/')}/KEY"
        )


def _checked_key(key: str) -> str:
    key = re.sub("/{2,}", "/", key.lstrip("/"))
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        raise ValidationError("an S3 key must be valid UTF-8 text") from None
    if size > MAX_KEY_BYTES:
        raise ValidationError(
            f"the S3 key that starts with {key[:40]!r} has {size} bytes, "
            f"more than the {MAX_KEY_BYTES} that S3 allows"
        )
    return key
