"""URLs of pages and entries, in each form that Halo may use."""

import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlencode

import msgspec

from gateway.emulator.search.query import DEFAULT_COUNT, Pair
from gateway.emulator.search.refusal import bad_argument
from gateway.emulator.settings import EmulatorSettings, LinkForm, Paging, Variants

INCLUDE_PARAMETERS: Final = {"_include", "_revinclude", "_include:iterate", "_revinclude:iterate"}
_POSITION_PARAMETERS: Final = {"_page_token", "_offset", "_page"}


def base_for_link_form(form: LinkForm, settings: EmulatorSettings, host: str, api: str, guid: str) -> str:
    """Return the FHIR base of links in one link form; empty for `path-relative` and `query-only`.

    `host` is scheme and authority of the client's request, `api` the first segment of its path.
    """
    tail = f"sites/{guid}/fhir/R4"
    return {
        "absolute-public": f"{settings.public_url}/integrator/{tail}",
        "absolute-internal": f"{settings.internal_url}/{tail}",
        "root-relative": f"/{api}/{tail}",
        "path-relative": "",
        "query-only": "",
    }.get(form, f"{host}/{form}/{tail}")


def page_link(base: str, form: LinkForm, path: str, pairs: Sequence[Pair]) -> str:
    """Build a link to one page of a search or history at `path`, for example `Patient`."""
    query = f"?{urlencode(list(pairs), safe=':/|,$')}"
    if base:
        return f"{base}/{path}{query}"
    return f"{path}{query}" if form == "path-relative" else query


def page_offsets(variants: Variants, offset: int, count: int, total: int) -> dict[str, int]:
    """Return the offsets of the pages that the page at `offset` links to, by relation."""
    starts = {
        "first": 0,
        variants.previous_relation: offset - count,
        "next": offset + count,
        "last": max(total - 1, 0) // count * count,
    }
    if not variants.first_and_last:
        del starts["first"], starts["last"]
    offsets = {relation: start for relation, start in starts.items() if 0 <= start < max(total, 1)}
    if variants.next_link == "itself" and "next" in offsets:
        offsets["next"] = offset
    if variants.next_link == "absent":
        offsets.pop("next", None)
    return offsets


def page_pairs(pairs: Sequence[Pair], offset: int, count: int, variants: Variants) -> list[Pair]:
    """Return the parameters of the page at `offset`: in a token, or plain with an offset or page number."""
    if variants.paging == "offset":
        return [*_with_count(pairs, count), ("_offset", str(offset))]
    if variants.paging == "page":
        return [*_with_count(pairs, count), ("_page", str(offset // count + 1))]
    visible_names = INCLUDE_PARAMETERS if variants.paging == "token" else set()
    hidden = [pair for pair in pairs if pair[0] not in visible_names]
    includes = [pair for pair in pairs if pair[0] in visible_names]
    token = zlib.compress(msgspec.json.encode([_with_count(hidden, count), offset]))
    return [*includes, ("_page_token", urlsafe_b64encode(token).decode().rstrip("="))]


def split_page_position(pairs: Sequence[Pair], paging: Paging = "token") -> tuple[list[Pair], int]:
    """Split a request into search parameters and offset.

    Raises Refusal (400) for a bad page link, and for any parameter besides a `strict-token`.
    """
    search_pairs = [pair for pair in pairs if pair[0] not in _POSITION_PARAMETERS]
    position = {name: value for name, value in pairs if name in _POSITION_PARAMETERS}
    if paging == "strict-token" and "_page_token" in position and len(pairs) > 1:
        raise bad_argument("A page link takes no other parameter")
    try:
        if "_page_token" in position:
            return _decode_page_token(position["_page_token"], search_pairs)
        offset, page = int(position.get("_offset", "0")), int(position.get("_page", "1"))
        count = int(dict(search_pairs).get("_count", DEFAULT_COUNT)) if "_page" in position else 0
    except (ValueError, zlib.error, msgspec.DecodeError):
        raise bad_argument("Unable to parse page link") from None
    if offset < 0 or page < 1:
        raise bad_argument("Unable to parse page link")
    return search_pairs, offset + (page - 1) * count


def _decode_page_token(token: str, other_pairs: list[Pair]) -> tuple[list[Pair], int]:
    decoded = zlib.decompress(urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    pairs, offset = msgspec.json.decode(decoded, type=tuple[list[Pair], int])
    return [*pairs, *other_pairs], offset


def _with_count(pairs: Sequence[Pair], count: int) -> list[Pair]:
    return [*(pair for pair in pairs if pair[0] != "_count"), ("_count", str(count))]
