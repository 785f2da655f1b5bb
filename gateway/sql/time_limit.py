"""Time that a SQL query may wait in the queue of the practice."""

import re
from typing import Final

#: Halo's own default and maximum of `maxTimeInQueue`, in milliseconds (OpenAPI 26.619).
DEFAULT_MS: Final = 30_000
MAX_MS: Final = 60_000
#: Bytes that are read at each end of a body: a large value of a parameter stands between.
_END_BYTES: Final = 4_096
#: The field outside any string: inside one, its quotation marks are escaped.
_FIELD = re.compile(rb'"maxTimeInQueue"\s{0,16}:\s{0,16}(\d{1,9})')


def max_seconds_in_queue(body: bytes) -> float:
    """Return the query's `maxTimeInQueue` in seconds, at most 60.

    Without the field it is Halo's default; the maximum if a large body does not have it at either end.
    """
    is_whole = len(body) <= 2 * _END_BYTES
    ends = (body,) if is_whole else (body[:_END_BYTES], body[-_END_BYTES:])
    milliseconds = [int(field) for end in ends for field in _FIELD.findall(end)]
    return min(max(milliseconds, default=DEFAULT_MS if is_whole else MAX_MS), MAX_MS) / 1_000
