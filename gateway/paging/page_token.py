"""Where a client stands in the upstream's pages, and what a link to that place must remember."""

import zlib
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the answer to one search.

    `part` counts the upstream queries a search was split into; `rest` is the upstream's own link behind the
    FHIR base, empty at the start of a part. `unfiltered` says that the upstream was seen to drop a date
    criterion, so that every later page needs the filter too.
    """

    part: int = 0
    rest: str = ""
    unfiltered: bool = False


START = Position()


class Page(msgspec.Struct, frozen=True, array_like=True):
    """What a page link remembers: the client's own search, when it was asked, and a position in its answer.

    `asked` is the query string of the search as GET states it, `received` and `expires` are seconds since
    1970. It is about patients, so it only leaves the gateway sealed.
    """

    path: str
    asked: str
    received: int
    expires: int
    part: int
    rest: str
    unfiltered: bool

    @property
    def position(self) -> Position:
        """The place in the answer."""
        return Position(self.part, self.rest, self.unfiltered)

    @property
    def received_at(self) -> datetime:
        """When the search was first asked."""
        return datetime.fromtimestamp(self.received, UTC)

    def expired(self, now: datetime) -> bool:
        """Whether the link's time is over."""
        return now.timestamp() > self.expires


def page(path: str, asked: str, received: datetime, expires: datetime, position: Position) -> Page:
    """What a link to this position remembers."""
    times = int(received.timestamp()), int(expires.timestamp())
    return Page(path, asked, *times, position.part, position.rest, position.unfiltered)


def packed(page: Page) -> bytes:
    """The page as few bytes."""
    return zlib.compress(msgspec.msgpack.encode(page), 9)


def unpacked(data: bytes) -> Page:
    """The page of what `packed` gave. Raises ValueError, as for one that another version made."""
    try:
        return msgspec.msgpack.decode(zlib.decompress(data), type=Page)
    except (zlib.error, msgspec.MsgspecError) as problem:
        raise ValueError(type(problem).__name__) from None
