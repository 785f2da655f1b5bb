"""Pages of a search, by an opaque `_cursor` or by `_offset`, with links on the server's own host."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final, Literal, NamedTuple
from urllib.parse import urlencode

from gateway.emulator.health_gorilla.data import Resource
from gateway.emulator.health_gorilla.errors import GorillaError
from gateway.emulator.health_gorilla.search import Pair

DEFAULT_COUNT: Final = 20
MAX_COUNT: Final = 100


class Page(NamedTuple):
    """Resources of a page, and its links as relation and URL."""

    resources: list[Resource]
    links: list[tuple[str, str]]


def page_of(found: list[Resource], url: str, pairs: list[Pair], paging: Literal["cursor", "offset"]) -> Page:
    """Return the page that the parameters of a search select. Raises GorillaError (400)."""
    if ("category", "laboratory") in pairs:
        return Page(found, [("self", _url(url, pairs))])
    values = dict(pairs)
    count = min(_number(values.get("_count", str(DEFAULT_COUNT))), MAX_COUNT)
    if "_offset" in values or (paging == "offset" and "_cursor" not in values):
        offset = _number(values.get("_offset", "0"))
        return Page(found[offset : offset + count], _offset_links(url, pairs, offset, count, len(found)))
    offset = _position(values["_cursor"]) if "_cursor" in values else 0
    links = [("self", _url(url, pairs))]
    if offset + count < len(found):
        links.append(("next", _url(url, _with(pairs, "_cursor", cursor_at(offset + count)))))
    return Page(found[offset : offset + count], links)


def cursor_at(offset: int) -> str:
    """Return the cursor of the page that begins at an offset."""
    return urlsafe_b64encode(f"cursor-{offset}".encode()).decode().rstrip("=")


def _position(cursor: str) -> int:
    try:
        text = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        return int(text.removeprefix("cursor-"))
    except ValueError:
        raise GorillaError("invalid-request", "Invalid request: invalid cursor") from None


def _offset_links(url: str, pairs: list[Pair], offset: int, count: int, total: int) -> list[tuple[str, str]]:
    last = max(total - 1, 0) // count * count if count else 0
    offsets = {"self": offset, "first": 0, "last": last}
    if count and offset + count < total:
        offsets["next"] = offset + count
    if count and offset > 0:
        offsets["previous"] = max(offset - count, 0)
    sized = _with(pairs, "_count", str(count))
    return [(name, _url(url, _with(sized, "_offset", str(start)))) for name, start in offsets.items()]


def _with(pairs: list[Pair], name: str, value: str) -> list[Pair]:
    return [pair for pair in pairs if pair[0] != name] + [(name, value)]


def _url(url: str, pairs: list[Pair]) -> str:
    return f"{url}?{urlencode(pairs)}" if pairs else url


def _number(text: str) -> int:
    if not text.isdecimal():
        raise GorillaError("invalid-request", "Invalid request: not a number")
    return int(text)
