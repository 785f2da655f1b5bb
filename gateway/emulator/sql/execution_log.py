"""What stored procedures got: the last runs, in a form that JSON carries exactly."""

import base64
import sys
import threading
from collections import deque
from typing import Any, Final

from gateway.emulator.sql.conversions import spell
from gateway.emulator.sql.utf16 import join_surrogates
from gateway.emulator.sql.values import Value

_RUNS: Final = 1_000
_BYTES: Final = 128 * 2**20


def wire_value(value: Value) -> str | None:
    """Write a value as a string: binary in base64, text as Unicode, in which a lone surrogate stays one.

    `json.dumps` escapes lone surrogates and `json.loads` restores them; UTF-8 cannot carry them.
    """
    if value.data is None:
        return None
    if isinstance(value.data, bytes):
        return base64.b64encode(value.data).decode("ascii")
    return join_surrogates(value.data) if isinstance(value.data, str) else spell(value)


class ExecutionLog:
    """The last runs of procedures, bounded by their number and bytes; threads may share it."""

    def __init__(self, max_runs: int = _RUNS, max_bytes: int = _BYTES) -> None:
        self._runs: deque[tuple[dict[str, Any], int]] = deque()
        self._max_runs, self._max_bytes = max_runs, max_bytes
        self._bytes = 0
        self._lock = threading.Lock()
        #: Number of runs since the start, those that are no longer listed included.
        self.total = 0

    def record(self, procedure: str, called_as: tuple[str, ...], arguments: dict[str, Value]) -> int:
        """Add a run, drop the oldest over the limits, and return the run's number, from 1.

        `called_as` are the parts of the name as the caller wrote them, `arguments` the converted values.
        """
        shown = {
            name: {"type": value.type.declaration, "value": wire_value(value)}
            for name, value in arguments.items()
        }
        size = sum(sys.getsizeof(argument["value"]) for argument in shown.values())
        run = {"run": 0, "procedure": procedure, "calledAs": list(called_as), "arguments": shown}
        with self._lock:
            return self._add(run, size)

    def _add(self, run: dict[str, Any], size: int) -> int:
        self.total += 1
        run["run"] = self.total
        self._runs.append((run, size))
        self._bytes += size
        while len(self._runs) > self._max_runs or self._bytes > self._max_bytes:
            self._bytes -= self._runs.popleft()[1]
        return self.total

    def runs(self) -> list[dict[str, Any]]:
        """List the runs, oldest first: `run`, `procedure`, `calledAs`, `arguments` with type and value."""
        with self._lock:
            return [run for run, _ in self._runs]

    def clear(self) -> None:
        """Forget all runs; their numbers go on."""
        with self._lock:
            self._runs.clear()
            self._bytes = 0
