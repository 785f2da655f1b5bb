"""Channel of messages between the processes that share a store or a port."""

from collections.abc import Callable
from typing import Protocol

#: Receives one message of another process.
Listener = Callable[[bytes], None]
#: The channel itself calls the listener with this after a gap: messages of others may have been lost.
MESSAGES_LOST = b""


class Channel(Protocol):
    """Messages of each process to all others. They hold no patient data and no credentials."""

    def set_listener(self, listener: Listener) -> None:
        """Call a listener with each message of another process, in the event loop."""
        ...

    async def publish(self, message: bytes) -> None:
        """Send a message to all other processes; a channel that is down drops it."""
        ...

    def has_unsent(self) -> bool:
        """Whether a message of this process still waits to be sent."""
        ...

    async def problem(self) -> str:
        """Describe what keeps messages from the others for good; empty if nothing does."""
        ...

    def is_current(self) -> bool:
        """Whether every message that was published before the channel's stated delay has been received.

        It waits for nothing. A process that gets False must ask the store itself.
        """
        ...


class _Dependency(Protocol):
    async def problem(self) -> str: ...


async def first_problem(*dependencies: _Dependency) -> str:
    """Describe the problem of the first dependency that has one; empty if none has."""
    problems = [await each.problem() for each in dependencies]
    return next(filter(None, problems), "")


class NoChannel:
    """Channel of a process that is alone: nothing is ever missed."""

    def set_listener(self, listener: Listener) -> None:
        """Do nothing: there is no other process."""

    async def publish(self, message: bytes) -> None:
        """Do nothing: there is no other process."""

    def has_unsent(self) -> bool:
        """Return False."""
        return False

    async def problem(self) -> str:
        """Return that nothing does."""
        return ""

    def is_current(self) -> bool:
        """Return True."""
        return True
