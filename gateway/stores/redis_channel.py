"""Channel of the processes that share a Redis: its publish and subscribe, with a heartbeat.

A process knows that it has missed nothing up to a moment if a message that it sent itself at that moment has
come back: Redis delivers all messages in one order, and says so at each new subscription.
"""

import asyncio
from collections.abc import Mapping
from math import inf
from secrets import token_bytes
from struct import Struct
from time import monotonic
from typing import Any, Final, Self

import structlog
from redis.exceptions import NoPermissionError

from gateway.stores.channel import MESSAGES_LOST, Listener
from gateway.stores.redis_client import FAILURES, open_client

_log = structlog.get_logger()
_NAME = b"halo-gateway/invalidations"
#: Rules of Redis' ACL without which no message passes. Redis 7 lets a new user use no channel.
NEEDED_RULES: Final = "&halo-gateway/* +publish +subscribe +spublish +ssubscribe +pexpire"
#: Beginning of the names of heartbeats. The braces place them in the slot of the messages (Redis Cluster), so
#: that one node keeps all in one order.
_HEARTBEAT_PREFIX = b"%b/{%b}" % (_NAME, _NAME)
#: Seconds between heartbeats, and the age at which the last one that came back says nothing any more.
_HEARTBEAT_SECONDS, MAX_DELAY = 0.25, 1.0
#: Seconds without a message, not even a heartbeat, after which a connection is given up.
_MAX_SILENCE = 2.0
#: Seconds before the first and the last of the attempts to connect.
_MIN_PAUSE, _MAX_PAUSE = 0.1, 2.0
_MAX_CANCELLATIONS = 20
#: Messages that wait for Redis.
_MAX_UNSENT = 1_000
#: Largest message of another process that is read, in bytes.
_MAX_MESSAGE_BYTES = 1_000_000
_ID_BYTES = 16
_Time = Struct("!d")


class RedisChannel:
    """Messages of this process to the others; `async with` opens it. `timeout` of a command, in seconds.

    What Redis did not take is sent once it does; of more than `_MAX_UNSENT` messages only that some are lost.
    """

    def __init__(self, url: str, timeout: float = 0.5) -> None:
        # One attempt: after a silent new connection nothing may be taken for complete.
        self._client = open_client(url, timeout)
        self._timeout = timeout
        self._id = token_bytes(_ID_BYTES)
        self._heartbeat_name = _HEARTBEAT_PREFIX + self._id
        self._listener: Listener = lambda _: None
        self._current_until = -inf
        self._unsent: set[bytes] = set()
        self._is_refused = False
        self._tasks: list[asyncio.Task[None]] = []

    def set_listener(self, listener: Listener) -> None:
        """Call a listener with each message of another process, in the event loop."""
        self._listener = listener

    async def publish(self, message: bytes) -> None:
        """Send a message to all other processes."""
        try:
            await self._send(message)
        except FAILURES as error:
            self._note_refusal(error)
            if len(self._unsent) >= _MAX_UNSENT:
                self._unsent = {MESSAGES_LOST}
            self._unsent.add(message)

    def has_unsent(self) -> bool:
        """Whether a message of this process still waits for Redis."""
        return bool(self._unsent)

    def is_current(self) -> bool:
        """Whether every message that was published more than `MAX_DELAY` seconds ago has been received."""
        return monotonic() < self._current_until

    async def problem(self) -> str:
        """Describe what keeps messages from the others for good; empty if nothing does."""
        return f"The Redis user may not use the channels; its ACL needs {NEEDED_RULES}" * self._is_refused

    def _note_refusal(self, error: BaseException) -> None:
        """Log once that Redis refuses the user, which no wait ends."""
        if isinstance(error, NoPermissionError) and not self._is_refused:
            self._is_refused = True
            _log.error("redis-channel-refused", needed=NEEDED_RULES)

    async def __aenter__(self) -> Self:
        create_task = asyncio.get_running_loop().create_task
        self._tasks = [create_task(self._receive_forever()), create_task(self._send_heartbeats())]
        return self

    async def __aexit__(self, *problem: object) -> None:
        # More than once: redis-py may take the cancellation for a failure of its connection.
        for _ in range(_MAX_CANCELLATIONS):
            running = [task for task in self._tasks if not task.done()]
            for task in running:
                task.cancel()
            if running:
                await asyncio.wait(running, timeout=_MIN_PAUSE)
        await self._client.aclose()

    async def _send(self, message: bytes) -> None:
        """Publish a message. Raises also if those at a new master have to get it, too."""
        async with asyncio.timeout(self._timeout):
            await self._client.publish(_NAME, self._id + message)
            await self._client.check_writable(_NAME)

    async def _send_heartbeats(self) -> None:
        """Send this process's clock to itself; before it, what the others must know that was not sent."""
        while True:
            try:
                async with asyncio.timeout(self._timeout):
                    await self._client.check_writable(_NAME)
                while self._unsent:
                    await self._send(message := next(iter(self._unsent)))
                    self._unsent.discard(message)
                async with asyncio.timeout(self._timeout):
                    await self._client.publish(self._heartbeat_name, _Time.pack(monotonic()))
            except FAILURES as error:
                self._note_refusal(error)
            await asyncio.sleep(_HEARTBEAT_SECONDS)

    async def _receive_forever(self) -> None:
        """Receive messages; after a break connect again, each time after a longer pause."""
        pause = _MIN_PAUSE
        while True:
            try:
                async with self._client.subscription(_NAME, self._heartbeat_name) as subscription:
                    while message := await subscription.get_message(timeout=_MAX_SILENCE):
                        pause = _MIN_PAUSE
                        if message["type"] == "sunsubscribe":
                            break  # a Cluster moved the slot to another node
                        self._take(message)
            except FAILURES as error:
                self._note_refusal(error)
            self._current_until = -inf
            await asyncio.sleep(pause)
            pause = min(2 * pause, _MAX_PAUSE)

    def _take(self, message: Mapping[str, Any]) -> None:
        """Take a message: of another process, a heartbeat of this one, or that a subscription begins."""
        channel, data = message["channel"], message["data"]
        if message["type"] in {"subscribe", "ssubscribe"}:
            self._current_until = -inf
            self._listener(MESSAGES_LOST)
        elif channel != _NAME:
            self._current_until = _sent_at(data) + MAX_DELAY
            self._is_refused = False
        elif not data.startswith(self._id) and _ID_BYTES <= len(data) <= _MAX_MESSAGE_BYTES:
            self._listener(data[_ID_BYTES:])


def _sent_at(heartbeat: bytes) -> float:
    """Return when a heartbeat was sent; never, if it is none."""
    return float(_Time.unpack(heartbeat)[0]) if len(heartbeat) == _Time.size else -inf
