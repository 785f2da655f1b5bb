"""How long one client has been kept waiting, in all: the gateway's queues, pauses and retries share one time.

Times are seconds of a clock that never jumps.
"""


class Waiting:
    """The wait of one client's request; every changed copy of the request shares it.

    It begins when the request comes (`since`), or when it is first asked for. What an upstream query took
    that was not repeated is no waiting: the client asked for it, and it is paid for.
    """

    __slots__ = ("_asking", "_since")

    def __init__(self, since: float | None = None) -> None:
        self._since = since
        self._asking = 0.0

    def asked(self, seconds: float) -> None:
        """Leave out the time of an upstream query; below 0, put back what of one was waiting after all."""
        self._asking += seconds

    def seconds(self, now: float) -> float:
        """How long the client has waited so far."""
        if self._since is None:
            self._since = now - self._asking
        return now - self._since - self._asking
