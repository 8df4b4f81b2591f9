"""SHA-256 digests of text and of JSON values, as names of jobs and folders are made of them."""

from __future__ import annotations

import hashlib
import uuid

from aibs_informatics_aws_lambda.common.json_io import JSON, dump_json_line


def sha256_hexdigest(content: JSON = None) -> str:
    """Return the SHA-256 of a value, in hex.

    Args:
        content: text, hashed as UTF-8; or another JSON value, hashed as one line of ASCII with
            sorted keys; or nothing, for the digest of a random UUID.
    """
    if content is None:
        content = str(uuid.uuid4())
    text = content if isinstance(content, str) else dump_json_line(content)
    return hashlib.sha256(text.encode()).hexdigest()
