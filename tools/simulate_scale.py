"""Write the tables of docs/scale.md: what a process, and many at a time, transfer in an hour.

A model names the limit that is reached first. A simulation of the same scenario, with latencies
that vary and retries of refused requests, shows what is left of it. Both give the same numbers
in each run.

    hatch run scale          write the tables
    hatch run scale --check  fail if they are not those of the page
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from math import ceil
from pathlib import Path
from typing import Final, NamedTuple

from markdown_tables import table

PAGE = Path(__file__).parents[1] / "docs/scale.md"

HOUR = 3600.0
KIB, MIB, GIB, TIB = 2**10, 2**20, 2**30, 2**40
PART_BYTES = 8 * MIB

# docs/scale.md has the source of each number, and whether it is measured or assumed.
REQUEST_SECONDS = 0.03
BYTES_PER_SECOND_OF_A_CONNECTION = 85e6
CPU_SECONDS_OF_A_REQUEST: Final = {"up": 0.0003, "down": 0.0003}
CPU_SECONDS_OF_A_BYTE: Final = {"up": 1.5 / GIB, "down": 3.5 / GIB}
REQUESTS_PER_SECOND_OF_A_PREFIX: Final = {"up": 3500.0, "down": 5500.0}
SECONDS_OF_A_FILE: Final = {"up": 3 * 0.001, "down": 4 * 0.0027}
FILE_OPERATIONS: Final = {"up": 3, "down": 4}
FILE_SYSTEM_OPERATIONS: Final = {"up": 250_000.0, "down": 50_000.0}
FILE_SYSTEM_BYTES: Final = {"up": 20.0 * GIB, "down": 1.0 * GIB}
# So many files are read or written at a time.
FILES_AT_A_TIME = 25
# One thread of Python begins and ends all requests of a process, however many CPUs there are.
REQUESTS_PER_SECOND_OF_A_PROCESS = 1700.0
MOST_CONNECTIONS = 372
VCPU_MB = 1769
FUNCTION_NETWORK = 75e6
FUNCTION_SECONDS = 900.0
# Of each call of a function, for its start, the listing and the end before its timeout.
SECONDS_WITHOUT_TRANSFERS = 15.0

DOLLARS_OF_A_REQUEST: Final = {"up": 5e-6, "down": 0.4e-6}
DOLLARS_OF_A_GB_SECOND = 0.0000133334
DOLLARS_OF_A_TRANSITION = 25e-6
TRANSITIONS_OF_A_BATCH = 5
TRANSITIONS_OF_A_RUN = 10


class Worker(NamedTuple):
    """A process that transfers files.

    Args:
        name: its name.
        vcpus: the number of its vCPUs.
        network: the bytes per second of its network.
        memory_mb: its memory in MB.
        busy: the share of the time in which it transfers.
    """

    name: str
    vcpus: float
    network: float
    memory_mb: int
    busy: float = 1.0

    @property
    def connections(self) -> int:
        """The number of connections, which follows the memory."""
        return min(MOST_CONNECTIONS, max(8, (self.memory_mb - 128) // 8))


def function(memory_mb: int) -> Worker:
    """Return a Lambda function, which a state machine calls again until all is done."""
    busy = 1 - SECONDS_WITHOUT_TRANSFERS / FUNCTION_SECONDS
    vcpus = memory_mb / VCPU_MB
    return Worker(f"Lambda, {memory_mb:,} MB", vcpus, FUNCTION_NETWORK, memory_mb, busy)


BATCH_JOB = Worker("Batch job, 8 vCPUs, 3.75 Gbit/s", 8, 3.75e9 / 8, 16_384)


class Size(NamedTuple):
    """Files of one size.

    Args:
        name: its name.
        size: their size in bytes.
    """

    name: str
    size: int

    def requests(self, direction: str) -> int:
        """Return the number of requests to S3 for each file."""
        parts = ceil(self.size / PART_BYTES)
        if parts == 1:
            return 1
        return parts + (2 if direction == "up" else 1)


SMALL, MEDIUM, LARGE = Size("4 KiB", 4 * KIB), Size("1 MiB", MIB), Size("1 GiB", GIB)
SIZES = (SMALL, MEDIUM, LARGE)
FUNCTIONS = tuple(function(memory) for memory in (512, 1024, 2048, 4096, 10_240))


@dataclass(frozen=True)
class Scenario:
    """Workers that transfer files.

    Args:
        worker: one of them.
        count: their number.
        size: the files.
        direction: ``up``, from Amazon EFS to S3, or ``down``.
        prefixes: the number of prefixes that S3 has made partitions of.
    """

    worker: Worker
    count: int
    size: Size
    direction: str
    prefixes: int = 1


class Limit(NamedTuple):
    """A limit.

    Args:
        requests: the requests per second that it allows.
        name: its name.
    """

    requests: float
    name: str


def own_limits(scenario: Scenario) -> Iterator[Limit]:
    """Yield the limits of the workers, which more of them raise."""
    worker, size, way = scenario.worker, scenario.size, scenario.direction
    each, requests = scenario.count * worker.busy, size.requests(way)
    payload = size.size / requests
    seconds = REQUEST_SECONDS + payload / BYTES_PER_SECOND_OF_A_CONNECTION
    cpu = CPU_SECONDS_OF_A_REQUEST[way] + payload * CPU_SECONDS_OF_A_BYTE[way]
    yield Limit(each * worker.connections / seconds, "connections")
    yield Limit(each * worker.vcpus / cpu, "CPU")
    yield Limit(each * REQUESTS_PER_SECOND_OF_A_PROCESS, "one process")
    yield Limit(each * worker.network / payload, "network")
    files = FILES_AT_A_TIME / SECONDS_OF_A_FILE[way]
    yield Limit(each * files * requests, "latency of EFS")


def file_system_limits(scenario: Scenario) -> Iterator[Limit]:
    """Yield the limits of the file system, which all workers share."""
    size, way = scenario.size, scenario.direction
    requests = size.requests(way)
    operations = max(FILE_OPERATIONS[way], size.size / MIB)
    yield Limit(FILE_SYSTEM_OPERATIONS[way] / operations * requests, "operations of EFS")
    yield Limit(FILE_SYSTEM_BYTES[way] / (size.size / requests), "throughput of EFS")


def s3_limit(scenario: Scenario) -> Limit:
    """Return the limit of S3, which all workers share, and above which it refuses requests."""
    requests = REQUESTS_PER_SECOND_OF_A_PREFIX[scenario.direction] * scenario.prefixes
    return Limit(requests, "requests to S3")


def shared_limit(scenario: Scenario) -> Limit:
    """Return the lowest of the limits that all workers share."""
    return min(*file_system_limits(scenario), s3_limit(scenario))


def first_limit(scenario: Scenario) -> Limit:
    """Return the limit that is reached first."""
    return min(*own_limits(scenario), shared_limit(scenario))


class Result(NamedTuple):
    """What a simulation shows.

    Args:
        requests: the requests that were done.
        refused: the attempts that S3 refused.
        failed: the requests that were refused ten times.
        seconds: the time.
    """

    requests: float
    refused: float
    failed: float
    seconds: float

    @property
    def refused_share(self) -> float:
        """The share of refused attempts among all."""
        return self.refused / (self.requests + self.refused)


_TICK_SECONDS = 0.05
_SIMULATED_SECONDS = 120.0
_WARM_UP_SECONDS = 60.0
# Children of a map do not start at the same time.
_STARTS_PER_SECOND = 50.0
_VARIATION = 0.35
# The engine halves the number of requests in flight where the throughput falls so low.
_COLLAPSE = 0.4
_LEAST_IN_FLIGHT = 8
_ATTEMPTS = 10
_FIRST_WAIT_SECONDS = 0.1
_LONGEST_WAIT_SECONDS = 20.0


@cache
def simulate(scenario: Scenario, seed: int = 1) -> Result:
    """Simulate a scenario for two minutes, of which the second one counts.

    All workers are alike, so that their requests are counted together: those that are sent for the
    first time, and those that wait for another attempt, by its number.
    """
    rng, of_s3 = random.Random(seed), s3_limit(scenario).requests  # noqa: S311
    own = min(own_limits(scenario)).requests / scenario.count
    shared = min(file_system_limits(scenario)).requests
    share = min(shared, of_s3) / scenario.count
    in_flight = max(_LEAST_IN_FLIGHT, own * REQUEST_SECONDS)
    if share < _COLLAPSE * own:
        in_flight = _LEAST_IN_FLIGHT
    waiting, done, refused, failed = [0.0] * _ATTEMPTS, 0.0, 0.0, 0.0
    for tick in range(int(_SIMULATED_SECONDS / _TICK_SECONDS)):
        now = tick * _TICK_SECONDS
        started = min(scenario.count, 1 + now * _STARTS_PER_SECOND)
        sent = [
            count * min(1.0, _TICK_SECONDS / _mean_wait(attempt))
            for attempt, count in enumerate(waiting)
        ]
        # Each of the others is sent as often as its worker's own limit allows.
        fresh = max(0.0, started * in_flight - sum(waiting))
        sent[0] = fresh / in_flight * own * _TICK_SECONDS * _noise(rng, started * in_flight)
        offered = min(sum(sent), shared * _TICK_SECONDS * _noise(rng, 100))
        scale = offered / sum(sent)
        refusal = max(0.0, 1 - of_s3 * _TICK_SECONDS / offered)
        attempts = [count * scale for count in sent]
        for attempt in range(1, _ATTEMPTS):
            waiting[attempt] += attempts[attempt - 1] * refusal - attempts[attempt]
        if now >= _WARM_UP_SECONDS:
            done += offered * (1 - refusal)
            refused += offered * refusal
            failed += attempts[-1] * refusal
    return Result(done, refused, failed, _SIMULATED_SECONDS - _WARM_UP_SECONDS)


def _mean_wait(attempt: int) -> float:
    """Return the seconds before an attempt: half of the longest wait, and the request itself."""
    longest = min(_LONGEST_WAIT_SECONDS, _FIRST_WAIT_SECONDS * 2.0 ** max(0, attempt - 1))
    return longest / 2 + REQUEST_SECONDS


def _noise(rng: random.Random, count: float) -> float:
    """Return the mean of so many latencies that vary, with a mean of 1."""
    return rng.lognormvariate(-(_VARIATION**2) / count / 2, _VARIATION / count**0.5)


def per_hour(scenario: Scenario) -> tuple[float, float]:
    """Return the files and the bytes that are transferred in an hour."""
    result = simulate(scenario)
    requests = result.requests / result.seconds * HOUR
    files = requests / scenario.size.requests(scenario.direction)
    return files, files * scenario.size.size


def two_digits(number: float) -> str:
    """Return a number with two significant digits, as more would say too much."""
    text = f"{float(f'{number:.2g}'):,.10g}"
    return f"{int(float(f'{number:.2g}')):,}" if number >= 10 else text


def format_files(files: float) -> str:
    """Return a number of files."""
    if files >= 1e6:
        return f"{two_digits(files / 1e6)} million"
    return two_digits(files)


def format_bytes(size: float) -> str:
    """Return a number of bytes."""
    return f"{two_digits(size / TIB)} TiB" if size >= TIB else f"{two_digits(size / GIB)} GiB"


_WAYS: Final = {"up": "EFS to S3", "down": "S3 to EFS"}


def one_worker() -> str:
    """Return the table of what one worker transfers in an hour."""
    rows = []
    for worker in (*FUNCTIONS, BATCH_JOB):
        for way, name in _WAYS.items():
            cells = []
            for size in SIZES:
                scenario = Scenario(worker, 1, size, way)
                files, total = per_hour(scenario)
                amount = format_files(files) if size is not LARGE else format_bytes(total)
                cells.append(f"{amount} ({first_limit(scenario).name})")
            rows.append((worker.name, name, *cells))
    head = ("Worker", "Direction", "Files of 4 KiB", "Files of 1 MiB", "Files of 1 GiB")
    return table(head, rows)


_CHILDREN = 1000


def many_workers() -> str:
    """Return the table of what a Distributed Map with 1,000 children transfers in an hour."""
    rows = []
    for way, name in _WAYS.items():
        for size in SIZES:
            for prefixes in (1, 100):
                scenario = Scenario(function(2048), _CHILDREN, size, way, prefixes)
                files, total = per_hour(scenario)
                found = simulate(scenario)
                given_up = found.failed / found.requests
                rows.append(
                    (
                        name,
                        size.name,
                        f"{prefixes}",
                        format_files(files),
                        format_bytes(total),
                        first_limit(scenario).name,
                        f"{found.refused_share:.0%}",
                        f"{given_up:.1%}" if given_up else "none",
                    )
                )
    head = (
        "Direction",
        "Files",
        "Prefixes",
        "Files in an hour",
        "Bytes",
        "First limit",
        "Attempts that S3 refuses",
        "Requests refused ten times",
    )
    return table(head, rows)


_CALL_SECONDS = 600.0


def numbers_to_choose() -> str:
    """Return the table of the batches and the cost of a million files or 100 TiB."""
    rows = []
    for files, size in ((10**6, SMALL), (10**8, SMALL), (10**6, MEDIUM), (100 * KIB, LARGE)):
        for way, name in _WAYS.items():
            scenario = Scenario(function(2048), 1, size, way)
            rate = first_limit(scenario).requests / size.requests(way)
            batch = max(1, int(float(f"{rate * _CALL_SECONDS:.1g}")))
            batches = ceil(files / batch)
            children = most_children(size, way, batches)
            rows.append(
                (
                    f"{files:,} of {size.name}",
                    name,
                    f"{batch:,} files, {format_bytes(batch * size.size)}",
                    f"{batches:,}",
                    f"{children:,}",
                    f"${cost(files, size, way, batches):,.2f}",
                )
            )
    head = (
        "Files",
        "Direction",
        "Batch that takes ten minutes",
        "Batches",
        "Children that S3 and EFS can serve",
        "Cost",
    )
    return table(head, rows)


def most_children(size: Size, way: str, batches: int) -> int:
    """Return how many functions transfer at a time before they share a limit of one prefix."""
    one = first_limit(Scenario(function(2048), 1, size, way)).requests
    shared = shared_limit(Scenario(function(2048), 1, size, way)).requests
    return max(1, min(batches, _CHILDREN, int(shared / one)))


def cost(files: int, size: Size, way: str, batches: int) -> float:
    """Return the dollars for requests, functions of 2,048 MB and transitions."""
    requests = files * size.requests(way)
    seconds = requests / first_limit(Scenario(function(2048), 1, size, way)).requests
    transitions = TRANSITIONS_OF_A_RUN + TRANSITIONS_OF_A_BATCH * batches
    return (
        requests * DOLLARS_OF_A_REQUEST[way]
        + seconds * 2 * DOLLARS_OF_A_GB_SECOND
        + transitions * DOLLARS_OF_A_TRANSITION
    )


TABLES: Final = {
    "one worker": one_worker,
    "many workers": many_workers,
    "numbers to choose": numbers_to_choose,
}


def with_tables(page: str) -> str:
    """Return the page with the tables of the simulation.

    Raises:
        ValueError: the page has no place for one of them.
    """
    for name, make in TABLES.items():
        start, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        before, found, rest = page.partition(start)
        _, ended, after = rest.partition(end)
        if not (found and ended):
            raise ValueError(f"{PAGE} has no lines {start.strip()} and {end}")
        page = f"{before}{start}\n{make()}\n\n{end}{after}"
    return page


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the tables, or check them, and return the exit status."""
    parser = argparse.ArgumentParser(description="Write the tables of docs/scale.md.")
    parser.add_argument("--check", action="store_true", help="only compare them with the page")
    options = parser.parse_args(arguments)
    page = PAGE.read_text()
    new = with_tables(page)
    if options.check and new != page:
        sys.stderr.write(f"{PAGE} is not up to date: run `hatch run scale`\n")
        return 1
    if not options.check:
        PAGE.write_text(new)
    return 0


if __name__ == "__main__":
    sys.exit(main())
