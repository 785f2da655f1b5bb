"""URLs of pages and entries, in each of the forms Halo might use."""

import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlencode

import msgspec

from gateway.emulator.search.query import DEFAULT_COUNT, Pair
from gateway.emulator.search.refusal import bad_argument
from gateway.emulator.settings import EmulatorSettings, LinkForm, Variants

INCLUDES: Final = {"_include", "_revinclude", "_include:iterate", "_revinclude:iterate"}
_POSITIONS: Final = {"_page_token", "_offset", "_page"}


def upstream_base(form: LinkForm, settings: EmulatorSettings, host: str, surface: str, guid: str) -> str:
    """The FHIR base a link names under one link form; empty for `query-only`.

    `host` is scheme and authority as the client used them, `surface` the prefix it used.
    """
    tail = f"sites/{guid}/fhir/R4"
    return {
        "absolute-public": f"{settings.public_url}/integrator/{tail}",
        "absolute-internal": f"{settings.internal_url}/{tail}",
        "root-relative": f"/{surface}/{tail}",
        "query-only": "",
    }.get(form, f"{host}/{form}/{tail}")


def page_link(base: str, resource_type: str, pairs: Sequence[Pair]) -> str:
    """A link to one page of a search."""
    query = f"?{urlencode(list(pairs), safe=':/|,$')}"
    return f"{base}/{resource_type}{query}" if base else query


def page_pairs(pairs: Sequence[Pair], offset: int, count: int, variants: Variants) -> list[Pair]:
    """The parameters of the page at `offset`: hidden in a token, or plain with an offset or page number."""
    if variants.paging == "offset":
        return [*_counted(pairs, count), ("_offset", str(offset))]
    if variants.paging == "page":
        return [*_counted(pairs, count), ("_page", str(offset // count + 1))]
    hidden = [pair for pair in pairs if pair[0] not in INCLUDES]
    shown = [pair for pair in pairs if pair[0] in INCLUDES]
    packed = zlib.compress(msgspec.json.encode([_counted(hidden, count), offset]))
    return [*shown, ("_page_token", urlsafe_b64encode(packed).decode().rstrip("="))]


def position(pairs: Sequence[Pair]) -> tuple[list[Pair], int]:
    """A request's own parameters and the offset it asks for. Raises Refusal (400) for a bad page link."""
    rest = [pair for pair in pairs if pair[0] not in _POSITIONS]
    asked = {name: value for name, value in pairs if name in _POSITIONS}
    try:
        if "_page_token" in asked:
            return _from_token(asked["_page_token"], rest)
        offset, page = int(asked.get("_offset", "0")), int(asked.get("_page", "1"))
        count = int(dict(rest).get("_count", DEFAULT_COUNT)) if "_page" in asked else 0
    except (ValueError, zlib.error, msgspec.DecodeError):
        raise bad_argument("Unable to parse page link") from None
    if offset < 0 or page < 1:
        raise bad_argument("Unable to parse page link")
    return rest, offset + (page - 1) * count


def _from_token(token: str, rest: list[Pair]) -> tuple[list[Pair], int]:
    packed = zlib.decompress(urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    pairs, offset = msgspec.json.decode(packed, type=tuple[list[Pair], int])
    return [*pairs, *rest], offset


def _counted(pairs: Sequence[Pair], count: int) -> list[Pair]:
    return [*(pair for pair in pairs if pair[0] != "_count"), ("_count", str(count))]
