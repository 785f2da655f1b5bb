"""Header fields of a request, decoded once: its reader asks for a dozen of them by name."""

from typing import TypeVar, overload

from starlette.datastructures import Headers
from starlette.requests import Request, empty_receive
from starlette.types import Receive, Scope

T = TypeVar("T")


class HeaderFields(Headers):
    """Header fields that are decoded once; their own names are in lower case, as ASGI sends them."""

    def __init__(self, raw: list[tuple[bytes, bytes]]) -> None:
        super().__init__(raw=raw)
        self._pairs = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in raw]
        self._first_values = dict(reversed(self._pairs))

    def __getitem__(self, key: str) -> str:
        return self._first_values[key.lower()]

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and key.lower() in self._first_values

    def items(self) -> list[tuple[str, str]]:  # type: ignore[override] # as in Starlette
        """Return all fields in order."""
        return self._pairs

    @overload
    def get(self, key: str, /) -> str | None: ...

    @overload
    def get(self, key: str, default: str, /) -> str: ...

    @overload
    def get(self, key: str, default: T, /) -> str | T: ...

    def get(self, key: str, default: T | None = None, /) -> str | T | None:
        """Return the first value of a name."""
        return self._first_values.get(key.lower(), default)

    def getlist(self, key: str) -> list[str]:
        """Return all values of a name in order."""
        name = key.lower()
        if name not in self._first_values:
            return []
        if len(self._first_values) == len(self._pairs):  # no name is repeated
            return [self._first_values[name]]
        return [value for other, value in self._pairs if other == name]


class DecodedRequest(Request):
    """A request whose header fields are decoded once; `headers` is an attribute, which is read often."""

    headers: Headers = Headers()  # replaces Starlette's property

    def __init__(self, scope: Scope, receive: Receive = empty_receive) -> None:
        super().__init__(scope, receive)
        self.headers = HeaderFields(scope["headers"])
