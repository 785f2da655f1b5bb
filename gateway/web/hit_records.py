"""Counts and log lines of the hits that were answered before anything was parsed."""

import asyncio
from collections import Counter
from collections.abc import Callable
from math import inf

from gateway.ledger.cost import CostClass
from gateway.ledger.recorder import Recorder
from gateway.telemetry.log_config import BatchedLogStream, EventLogger
from gateway.web.head_table import HeadEntry

#: Maximum seconds that counts and lines wait, and parts of lines that wait.
MAX_WAIT_SECONDS, _MAX_WAITING_PARTS = 0.2, 3 * 256
#: Seconds for which a timestamp is written again.
_TIMESTAMP_SECONDS = 0.001


class HitRecords:
    """Entries with hits that are not counted yet, and the log stream with their lines.

    `line_end` ends a line until `line_end_until` (seconds of the monotonic clock); `renew` renders it again.
    """

    def __init__(
        self,
        recorder: Recorder,
        outcome_counts: Counter[tuple[str, str]],
        keep: Callable[[HeadEntry], None] = lambda _: None,
    ) -> None:
        self._recorder = recorder
        self._outcome_counts = outcome_counts
        self._keep = keep
        self._active: list[HeadEntry] = []
        self._stream: BatchedLogStream | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.line_end, self.line_end_until = b"", -inf
        #: Number of the hits that were counted.
        self.counted = 0
        #: Add an entry with its first hit that is not counted yet.
        self.add_active: Callable[[HeadEntry], None] = self._active.append

    def watch(self, entry: HeadEntry) -> None:
        """Write the lines of this entry, too."""
        if isinstance(entry.hit.log_request, EventLogger):
            self._stream = entry.hit.log_request.stream

    def renew(self, now: float) -> None:
        """Render the end of the lines, and see that they are written in time; once per millisecond."""
        self.line_end, self.line_end_until = EventLogger.line_end(0.0), now + _TIMESTAMP_SECONDS
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(MAX_WAIT_SECONDS, self.flush)
        if self._stream and self._stream.pending_count > _MAX_WAITING_PARTS:
            self._stream.write_out()

    def flush(self) -> None:
        """Count the hits and write the lines; for the thread of the event loop."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self.line_end_until = None, -inf
        entries = self._active[:]
        self._active.clear()
        for entry in entries:
            self._count(entry)
        if self._stream and self._stream.pending_count:
            self._stream.write_out()

    def _count(self, entry: HeadEntry) -> None:
        hits, entry.hits, attribution = entry.hits, 0, entry.hit.attribution
        octets, self.counted = len(entry.hit.plain.body), self.counted + hits
        self._recorder.count_requests(attribution, CostClass.HIT, octets, queries=hits)
        self._outcome_counts[attribution.type, "hit"] += hits
        self._keep(entry)
