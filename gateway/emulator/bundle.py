"""The searchset of a search: entries of one page, their includes, and links in the site's form."""

from typing import Any

from gateway.emulator.data.records import Record
from gateway.emulator.errors import outcome
from gateway.emulator.links import INCLUDES, page_link, page_pairs, position
from gateway.emulator.request_context import Visit
from gateway.emulator.search.includes import included
from gateway.emulator.search.parameters import PARAMETERS
from gateway.emulator.search.query import Pair, Search, understood
from gateway.emulator.search.refusal import bad_argument


def searchset(visit: Visit, resource_type: str, asked: list[Pair]) -> dict[str, Any]:
    """The Bundle that answers a search. Raises Refusal for what the engine or the variants refuse."""
    pairs, offset = position(asked)
    kept = date_variants(visit, resource_type, pairs)
    search = understood(resource_type, kept)
    if search.ignored and visit.variants.unknown_parameter == "refuse":
        raise bad_argument(f"Unsupported search argument: {search.ignored[0].partition(':')[0]}")
    rows = visit.engine.select(search)
    shown = pairs if visit.variants.self_shows_dropped else search.used
    bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset"}
    if search.total != "none" or search.summary == "count":
        bundle["total"] = len(rows)
    if search.summary == "count" or search.count == 0:
        return bundle | {"link": [_self_link(visit, search, shown)]}
    bundle["link"] = _links(visit, search, shown, offset, len(rows))
    entries = _entries(visit, search, rows[offset : offset + search.count])
    return bundle | ({"entry": entries} if entries else {})


def date_variants(visit: Visit, resource_type: str, pairs: list[Pair]) -> list[Pair]:
    """The parameters after the variants on repeated, comma-listed and silently dropped date filters."""
    kept, seen, variants = [], set(), visit.variants
    for name, value in pairs:
        code = name.partition(":")[0]
        parameter = PARAMETERS.get((resource_type, code))
        if not parameter or parameter.type != "date":
            kept.append((name, value))
            continue
        repeated, listed = code in seen, "," in value
        if (repeated and variants.repeats == "refuse") or (listed and variants.comma == "refuse"):
            raise bad_argument("Unsupported search argument value")
        if not (repeated and variants.repeats == "first") and not variants.drop_date_filters:
            kept.append((name, value.partition(",")[0] if variants.comma == "first" else value))
        seen.add(code)
    return kept


def _entries(visit: Visit, search: Search, page: list[Record]) -> list[dict[str, Any]]:
    entries = [
        _entry(visit, visit.shown(record, search.summary, search.elements), "match") for record in page
    ]
    if search.summary != "text":
        others = included(visit.engine, page, search.includes)
        entries += [_entry(visit, visit.shown(record), "include") for record in others]
    return entries + [_warning(name) for name in search.ignored]


def _entry(visit: Visit, resource: dict[str, Any], mode: str) -> dict[str, Any]:
    return {"fullUrl": visit.full_url(resource), "resource": resource, "search": {"mode": mode}}


def _warning(name: str) -> dict[str, Any]:
    text = f"Argument not supported: {name.partition(':')[0]}"
    return {"resource": outcome("warning", "not-supported", text), "search": {"mode": "outcome"}}


def _self_link(visit: Visit, search: Search, shown: list[Pair]) -> dict[str, str]:
    return {"relation": "self", "url": page_link(visit.base, search.base, _linked(visit, shown))}


def _linked(visit: Visit, pairs: list[Pair]) -> list[Pair]:
    """What a link repeats: everything, or by the documented issue everything but the includes."""
    if not visit.broken("link-include-params"):
        return list(pairs)
    return [pair for pair in pairs if pair[0] not in INCLUDES]


def _links(visit: Visit, search: Search, shown: list[Pair], offset: int, total: int) -> list[dict[str, str]]:
    count, variants = search.count, visit.variants
    last = max(total - 1, 0) // count * count
    offsets = {"first": 0, variants.previous_relation: offset - count, "next": offset + count, "last": last}
    if not variants.first_and_last:
        del offsets["first"], offsets["last"]
    links = [_self_link(visit, search, shown)]
    for relation, start in offsets.items():
        if 0 <= start < max(total, 1):
            pairs = page_pairs(_linked(visit, search.used), start, count, variants)
            links.append({"relation": relation, "url": page_link(visit.base, search.base, pairs)})
    return links
