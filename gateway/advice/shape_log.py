"""Shape log: the last requests by shape, without any value, for the adviser."""

from collections import deque
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from secrets import token_bytes
from typing import Final, NamedTuple

from gateway.cache.freshness import ANY_TYPE
from gateway.stores.bounded_dict import BoundedDict

#: Requests in memory: the oldest is dropped first. A record needs about 400 bytes.
MAX_RECORDS: Final = 20_000
_DIGEST_BYTES: Final = 8
#: Senders and the types that they change.
MAX_WRITES: Final = 1_000

#: App, caller and site.
Sender = tuple[str, str, str]


class ShapeRecord(NamedTuple):
    """One request. `at` in seconds of a monotonic clock; `site` a GUID; `caller`, `app`: the ledger's names.

    `same` is equal for requests of the same matches, `frame` also if they differ in dates only, `spelt` only
    for the same spelling: digests with a key of this process. `entries` of a small paid page, with or without
    `has_next`. `is_paid`: an upstream query was sent for it; `demands_fresh`: the client permitted no stored
    response of the usual age. `purpose` of the app, if it is configured; `display_age`: seconds that an app
    for display would accept. `follows_writes`: the sender has changed resources of this type.
    """

    at: float
    app: str
    caller: str
    site: str
    type: str
    shape: str
    is_search: bool
    is_page: bool = False
    is_paid: bool = True
    octets: int = 0
    entries: int = 0
    has_next: bool = False
    same: bytes = b""
    frame: bytes = b""
    spelt: bytes = b""
    purpose: str = ""
    demands_fresh: bool = False
    display_age: float = 0.0
    follows_writes: bool = False

    @property
    def sender(self) -> Sender:
        """App, caller and site: advice is about one of them."""
        return self.app, self.caller, self.site


class ShapeLog:
    """The last `MAX_RECORDS` requests that passed the handlers; those that are ready to be sent do not."""

    def __init__(self, max_records: int = MAX_RECORDS) -> None:
        self._records: deque[ShapeRecord] = deque(maxlen=max_records)
        self._key = token_bytes(32)
        self._writes = BoundedDict[tuple[Sender, str], None](MAX_WRITES)

    def add(self, record: ShapeRecord) -> None:
        """Add a request."""
        self._records.append(record)

    def add_write(self, sender: Sender, types: Iterable[str]) -> None:
        """Note that an app of a caller changes resources of these types at a site; `*`: of any type."""
        for type_ in types:
            self._writes[sender, type_] = None

    def has_written(self, sender: Sender, type_: str) -> bool:
        """Whether an app of a caller has changed resources of a type at a site."""
        return (sender, type_) in self._writes or (sender, ANY_TYPE) in self._writes

    def digest(self, text: str) -> bytes:
        """Digest of a text that only this process can repeat."""
        return blake2b(text.encode(errors="surrogatepass"), digest_size=_DIGEST_BYTES, key=self._key).digest()

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[ShapeRecord]:
        return iter(tuple(self._records))
