"""What a request would prefer: the header `Prefer` (RFC 7240), of which `wait` is understood."""

import re
from collections.abc import Iterable
from urllib.request import parse_http_list

LONGEST_WAIT = 600
"""Seconds."""


def preferred_wait(headers: Iterable[str]) -> int | None:
    """The seconds that an answer may be held back; none if none are asked for, or not in a form that the RFC knows."""
    for preference in parse_http_list(",".join(headers)):
        name, _, value = preference.partition(";")[0].partition("=")
        if name.strip().lower() == "wait":  # the first one counts
            seconds = re.fullmatch(r'\s*("?)([0-9]{1,18})\1\s*', value, re.ASCII)
            return min(int(seconds[2]), LONGEST_WAIT) if seconds else None
    return None
