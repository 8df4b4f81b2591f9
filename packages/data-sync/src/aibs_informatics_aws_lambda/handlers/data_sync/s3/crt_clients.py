"""Clients of the AWS Common Runtime, which send the requests: their threads and connections."""

from __future__ import annotations

import os
import sys
from contextlib import nullcontext
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ..cpu_affinity import all_cpus, shared_cpu
from ..settings import (
    MEMORY_KEY,
    count_connections,
    count_open_files,
    count_threads,
    most_concurrency,
)
from .requests import PART_BYTES

if TYPE_CHECKING:
    from awscrt.io import ClientBootstrap, TlsConnectionOptions
    from awscrt.s3 import S3Client

    from .retries import RetryPolicy

_CONNECT_TIMEOUT_MS: Final = 10_000

_OPEN_FILES: Final = count_open_files()
DEFAULT_CONNECTIONS: Final = count_connections(os.environ.get(MEMORY_KEY, ""), _OPEN_FILES)
"""The maximum number of connections where the request leaves it open."""

MOST_CONCURRENCY = most_concurrency(_OPEN_FILES)
"""The maximum number of connections, whatever a request names."""

MOST_THREADS: Final = count_threads(sys.maxsize, _OPEN_FILES)
"""The maximum number of threads of a client."""

# The library opens no more connections than its throughput target takes, at 0.1 GB/s each.
_GBPS_OF_A_CONNECTION: Final = 0.8

# Those of the event loops for a thread: without them, the library aborts the process.
_FILES_OF_LOOPS: Final = 9


class ClientOptions(NamedTuple):
    """What the clients of the library differ in.

    Args:
        region: the region that requests are signed for.
        threads: the number of threads.
        connections: the maximum number of connections.
        memory: the maximum size in bytes of all parts in memory.
    """

    region: str
    threads: int
    connections: int
    memory: int


def make_crt_client(
    options: ClientOptions, policy: RetryPolicy, credentials: Any, *, encrypted: bool
) -> S3Client:
    """Return a new client of the library.

    Args:
        options: the options.
        policy: how often it repeats requests.
        credentials: the provider of credentials; `None` if requests are not signed.
        encrypted: whether connections are encrypted.

    Raises:
        OSError: too many files are open.
        AWSError: the CA bundle cannot be read.
    """
    from awscrt.s3 import (
        S3Client,
        S3RequestTlsMode,
        S3RetryConfig,
        S3RetryMode,
        create_default_s3_signing_config,
    )

    region, threads, connections, memory = options
    _check_open_files(_FILES_OF_LOOPS * threads + 1)
    signing = (
        create_default_s3_signing_config(region=region, credential_provider=credentials)
        if credentials
        else None
    )
    retry_mode = S3RetryMode.EXPONENTIAL_BACKOFF if policy.retries else S3RetryMode.NONE
    # Several threads encrypt and hash at the same time.
    with nullcontext() if threads == 1 else all_cpus():
        return S3Client(
            bootstrap=_bootstrap(threads),
            region=region,
            tls_mode=S3RequestTlsMode.ENABLED if encrypted else S3RequestTlsMode.DISABLED,
            tls_connection_options=_find_tls_options() if encrypted else None,
            signing_config=signing,
            part_size=PART_BYTES,
            memory_limit=memory,
            max_active_connections_override=connections,
            throughput_target_gbps=_GBPS_OF_A_CONNECTION * connections,
            retry_config=S3RetryConfig(
                max_retries=policy.retries,
                backoff_scale_factor_ms=policy.first_wait_ms,
                # The other modes give up early when many requests fail at once.
                retry_mode=retry_mode,
            ),
            connect_timeout_ms=_CONNECT_TIMEOUT_MS,
        )


def _find_tls_options() -> TlsConnectionOptions | None:
    from .tls import find_ca_bundle, make_tls_options

    ca_bundle = find_ca_bundle()
    return make_tls_options(ca_bundle) if ca_bundle else None


def _check_open_files(count: int) -> None:
    """Raise `OSError` if a process cannot open so many more files: the library would abort it."""
    opened: list[int] = []
    try:
        opened.extend(os.open(os.devnull, os.O_RDONLY) for _ in range(count))
    except OSError as error:
        raise OSError(
            error.errno,
            f"cannot open connections to S3: the process may have {_OPEN_FILES:,} files open, and "
            "they would be more. Raise the limit (ulimit -n), for example to 1024",
        ) from error
    finally:
        for file in opened:
            os.close(file)


@lru_cache
def _bootstrap(threads: int) -> ClientBootstrap:
    """Return the event loop threads, which live as long as the process.

    The library cannot stop them while an error is being delivered.
    """
    from awscrt.io import ClientBootstrap, DefaultHostResolver, EventLoopGroup

    # A single one takes turns with the main thread.
    with shared_cpu() if threads == 1 else nullcontext():
        loops = EventLoopGroup(threads)
    return ClientBootstrap(loops, DefaultHostResolver(loops))
