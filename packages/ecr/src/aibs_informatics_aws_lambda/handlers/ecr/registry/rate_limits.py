"""Rate limits that registries state in their responses.

Docker Hub: https://docs.docker.com/docker-hub/usage/pulls/; the headers are those of
https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-ratelimit-headers (``RateLimit``).
"""

import re
from collections.abc import Mapping

_LIMIT = re.compile(r"\s*(\d+)\s*(?:;.*?\bw=(\d+))?")


def describe_rate_limit(headers: Mapping[str, str]) -> str:
    """Return the rate limit in the headers of a response with status 429, and the remedy."""
    limit = _LIMIT.match(headers.get("RateLimit-Limit", ""))
    remaining = _LIMIT.match(headers.get("RateLimit-Remaining", ""))
    facts = []
    if limit:
        window = f" per {int(limit[2])} seconds" if limit[2] else ""
        facts.append(f"{limit[1]} requests{window}")
    if remaining:
        facts.append(f"{remaining[1]} remaining")
    wait = headers.get("Retry-After") or headers.get("RateLimit-Reset")
    known = f" ({', '.join(facts)})" if facts else ""
    when = f" after {wait} seconds" if wait and wait.isdigit() else " later"
    return (
        f". The rate limit of the registry is exceeded{known}. Retry{when}, or log in to an "
        "account with a higher limit."
    )
