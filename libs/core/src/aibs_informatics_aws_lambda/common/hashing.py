"""SHA-256 digests of text and of JSON values, from which names are made."""

import hashlib

from .json_io import JSON, dump_json_line


def sha256_hexdigest(content: JSON = None) -> str:
    """Return the SHA-256 digest of a value as 64 hexadecimal digits.

    Args:
        content: text, hashed as UTF-8; any other JSON value, hashed as one line of ASCII with
            sorted keys; `None` for the digest of a random UUID.
    """
    if content is None:
        # Rarely, and it imports more.
        import uuid

        content = str(uuid.uuid4())
    text = content if isinstance(content, str) else dump_json_line(content)
    return hashlib.sha256(text.encode()).hexdigest()
