"""Environment variables of this package, with their meaning, and limits of the environment."""

import os
import resource
import sys

from aibs_informatics_aws_lambda.storage.mount_variables import EFS_MOUNT_VARIABLES

CHECKSUM_KEY = "AWS_REQUEST_CHECKSUM_CALCULATION"
LOCK_ROOT_KEY = "DATA_SYNC_LOCK_ROOT"
REMOVE_ROOTS_KEY = "DATA_REMOVE_ROOTS"
NO_SIGN_REQUEST_KEY = "DATA_SYNC_NO_SIGN_REQUEST"
REQUEST_PAYER_KEY = "DATA_SYNC_REQUEST_PAYER"
ROLE_ARN_KEY = "DATA_SYNC_ROLE_ARN"
ROLE_SESSION_NAME_KEY = "DATA_SYNC_ROLE_SESSION_NAME"
EXTERNAL_ID_KEY = "DATA_SYNC_EXTERNAL_ID"
WORKERS_KEY = "AWS_LAMBDA_MAX_CONCURRENCY"
MEMORY_KEY = "AWS_LAMBDA_FUNCTION_MEMORY_SIZE"

DEFAULT_BUCKET_NAME_ENV_VAR = "DEFAULT_BUCKET_NAME"
"""Bucket for scratch data: documents and reports without a location."""

SYNC_VARIABLES = {
    LOCK_ROOT_KEY: "directory for the lock files of require_lock",
    DEFAULT_BUCKET_NAME_ENV_VAR: "bucket for reports without a location",
    CHECKSUM_KEY: "when_required: upload files without a checksum",
    NO_SIGN_REQUEST_KEY: "true: send requests without credentials, to public buckets",
    REQUEST_PAYER_KEY: "requester: pay for requests to buckets with Requester Pays",
    ROLE_ARN_KEY: "role to assume for requests to S3",
    ROLE_SESSION_NAME_KEY: "name of the session of this role; default: data-sync",
    EXTERNAL_ID_KEY: "external ID that the trust policy of this role requires",
    **EFS_MOUNT_VARIABLES,
}
"""Variables that a sync reads, with their meaning."""

REMOVE_VARIABLES = {
    REMOVE_ROOTS_KEY: "folders below which paths may be removed, separated by ':'; default: any",
    **EFS_MOUNT_VARIABLES,
}
"""Variables that a removal reads, with their meaning."""

SCRATCH_EXTRA_ARGS = {"Tagging": "time-to-live=scratch"}
"""Arguments of boto3 uploads that tag an object as scratch data."""


DEFAULT_MAX_CONCURRENCY = 25
"""The maximum concurrency of requests that do not choose it."""

DEFAULT_RETRIES = 9
"""The attempts of a request, and of a copy of a local file, after the first one."""


def count_workers(concurrency: str) -> int:
    """Return the number of worker processes for a value of ``AWS_LAMBDA_MAX_CONCURRENCY``."""
    return max(1, int(concurrency)) if concurrency.isdecimal() else 1


WORKERS = count_workers(os.environ.get(WORKERS_KEY, ""))
"""The number of processes that share memory, CPUs and network.

More than one on Lambda Managed Instances, where Lambda sets the variable before it starts them.
"""

_MOST_CONNECTIONS = 512
_LEAST_CONNECTIONS = 8
_MOST_OPERATIONS = 64
# Without transfers, a process has less; and a connection has a part of an object, of 8 MiB.
_MB_OF_A_PROCESS = 128
_MB_OF_A_CONNECTION = 8
_MOST_BUFFERED_BYTES = 96 * 2**20
_LEAST_BUFFERED_BYTES = 8 * 2**20
# Streams, event loops, modules that are imported, databases and temporary files.
_FILES_OF_A_PROCESS = 32
_FILES_WITH_ONE_THREAD = 20
# The event loops of each thread for large files have nine.
_FILES_FOR_A_THREAD = 64
# With more directories, few are opened again.
_ENOUGH_HELD = 64


def count_connections(memory: str, files: int) -> int:
    """Return the maximum number of connections, where a request leaves it open.

    Args:
        memory: the memory of a Lambda function in MB; empty elsewhere.
        files: the number of files that the process may have open; negative without a limit.
    """
    most = _MOST_CONNECTIONS
    if memory.isdecimal():
        most = min(most, (int(memory) - _MB_OF_A_PROCESS) // _MB_OF_A_CONNECTION)
    return min(max(_LEAST_CONNECTIONS, most), most_concurrency(files))


def most_concurrency(files: int) -> int:
    """Return the maximum number of connections, whatever a request names.

    Args:
        files: the number of files that the process may have open; negative without a limit.
    """
    if files < 0:
        return sys.maxsize
    # Source and destination may be two services; a quarter is for files.
    return max(1, _files_for_transfers(files) * 3 // 8)


def count_buffered_bytes(memory: str) -> int:
    """Return the maximum number of bytes of whole objects that transfers hold in memory.

    Args:
        memory: the memory of a Lambda function in MB; empty elsewhere.
    """
    most = _MOST_BUFFERED_BYTES
    if memory.isdecimal():
        # The rest is for parts of large objects, and what Python frees late.
        most = min(most, (int(memory) - _MB_OF_A_PROCESS) * 10**6 // 4)
    return max(_LEAST_BUFFERED_BYTES, most)


def count_downloads(files: int) -> int | None:
    """Return the maximum number of downloads in flight, or `None` if there is none.

    Args:
        files: the number of files that the process may have open; negative without a limit.
    """
    if files < 0:
        return None
    # Each has its connection, file and folder open, and further folders are for later files.
    return max(1, _files_for_transfers(files) // 4)


def count_threads(cores: int, files: int) -> int:
    """Return the number of threads that transfer large files.

    Args:
        cores: the number of processor cores.
        files: the number of files that the process may have open; negative without a limit.
    """
    return cores if files < 0 else max(1, min(cores, files // _FILES_FOR_A_THREAD))


def count_operations(files: int) -> int:
    """Return the number of operations of a slow file system that are in flight at a time.

    Args:
        files: the number of files that the process may have open; negative without a limit.
    """
    if files < 0:
        return _MOST_OPERATIONS
    # NFS and EFS have so many at a time, and more threads only take turns.
    return max(1, min(_MOST_OPERATIONS, _files_for_transfers(files) // 2))


def _files_for_transfers(files: int) -> int:
    has_one_thread = files < 2 * _FILES_FOR_A_THREAD
    return files - (_FILES_WITH_ONE_THREAD if has_one_thread else _FILES_OF_A_PROCESS)


def count_held(files: int) -> int:
    """Return the number of directories that are held open for later files.

    Args:
        files: the number of files that the process may have open; negative without a limit.
    """
    return _ENOUGH_HELD if files < 0 else min(_ENOUGH_HELD, files // 8)


def count_open_files() -> int:
    """Return how many files this process may have open; a negative number without a limit."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
