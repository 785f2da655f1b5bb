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

INCLUDE_PARAMETERS: Final = {"_include", "_revinclude", "_include:iterate", "_revinclude:iterate"}
_POSITION_PARAMETERS: Final = {"_page_token", "_offset", "_page"}


def base_for_link_form(form: LinkForm, settings: EmulatorSettings, host: str, api: str, guid: str) -> str:
    """The FHIR base a link names under one link form; empty for `query-only`.

    `host` is scheme and authority as the client used them, `surface` the prefix it used.
    """
    tail = f"sites/{guid}/fhir/R4"
    return {
        "absolute-public": f"{settings.public_url}/integrator/{tail}",
        "absolute-internal": f"{settings.internal_url}/{tail}",
        "root-relative": f"/{api}/{tail}",
        "query-only": "",
    }.get(form, f"{host}/{form}/{tail}")


def page_link(base: str, resource_type: str, pairs: Sequence[Pair]) -> str:
    """A link to one page of a search."""
    query = f"?{urlencode(list(pairs), safe=':/|,$')}"
    return f"{base}/{resource_type}{query}" if base else query


def page_pairs(pairs: Sequence[Pair], offset: int, count: int, variants: Variants) -> list[Pair]:
    """The parameters of the page at `offset`: hidden in a token, or plain with an offset or page number."""
    if variants.paging == "offset":
        return [*_with_count(pairs, count), ("_offset", str(offset))]
    if variants.paging == "page":
        return [*_with_count(pairs, count), ("_page", str(offset // count + 1))]
    hidden = [pair for pair in pairs if pair[0] not in INCLUDE_PARAMETERS]
    shown = [pair for pair in pairs if pair[0] in INCLUDE_PARAMETERS]
    packed = zlib.compress(msgspec.json.encode([_with_count(hidden, count), offset]))
    return [*shown, ("_page_token", urlsafe_b64encode(packed).decode().rstrip("="))]


def split_page_position(pairs: Sequence[Pair]) -> tuple[list[Pair], int]:
    """A request's own parameters and the offset it asks for. Raises Refusal (400) for a bad page link."""
    rest = [pair for pair in pairs if pair[0] not in _POSITION_PARAMETERS]
    asked = {name: value for name, value in pairs if name in _POSITION_PARAMETERS}
    try:
        if "_page_token" in asked:
            return _decode_page_token(asked["_page_token"], rest)
        offset, page = int(asked.get("_offset", "0")), int(asked.get("_page", "1"))
        count = int(dict(rest).get("_count", DEFAULT_COUNT)) if "_page" in asked else 0
    except (ValueError, zlib.error, msgspec.DecodeError):
        raise bad_argument("Unable to parse page link") from None
    if offset < 0 or page < 1:
        raise bad_argument("Unable to parse page link")
    return rest, offset + (page - 1) * count


def _decode_page_token(token: str, other_pairs: list[Pair]) -> tuple[list[Pair], int]:
    packed = zlib.decompress(urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    pairs, offset = msgspec.json.decode(packed, type=tuple[list[Pair], int])
    return [*pairs, *other_pairs], offset


def _with_count(pairs: Sequence[Pair], count: int) -> list[Pair]:
    return [*(pair for pair in pairs if pair[0] != "_count"), ("_count", str(count))]
