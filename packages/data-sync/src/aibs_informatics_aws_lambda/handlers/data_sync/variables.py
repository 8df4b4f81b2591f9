"""Names of the environment variables that syncs read."""

from __future__ import annotations

from typing import Final

__all__ = ["CHECKSUM_VARIABLE", "LOCK_ROOT_VARIABLE"]

CHECKSUM_VARIABLE: Final = "AWS_REQUEST_CHECKSUM_CALCULATION"
LOCK_ROOT_VARIABLE: Final = "DATA_SYNC_LOCK_ROOT"
