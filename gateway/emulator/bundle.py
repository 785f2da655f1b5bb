"""Searchset Bundle: entries of one page, their includes, and links in the site's form."""

from typing import Any

from gateway.emulator.data.records import Record
from gateway.emulator.errors import operation_outcome
from gateway.emulator.links import INCLUDE_PARAMETERS, page_link, page_pairs, split_page_position
from gateway.emulator.request_context import RequestContext
from gateway.emulator.search.includes import included_records
from gateway.emulator.search.parameters import PARAMETERS
from gateway.emulator.search.query import Pair, ParsedSearch, parse_search
from gateway.emulator.search.refusal import bad_argument


def searchset(context: RequestContext, resource_type: str, request_pairs: list[Pair]) -> dict[str, Any]:
    """Build the Bundle of one page of a search. Raises Refusal (400) for parameters that the site refuses."""
    pairs, offset = split_page_position(request_pairs)
    search = parse_search(resource_type, apply_date_variants(context, resource_type, pairs))
    if search.ignored_names and context.variants.unknown_parameter == "refuse":
        raise bad_argument(f"Unsupported search argument: {search.ignored_names[0].partition(':')[0]}")
    records = context.engine.select(search)
    self_pairs = pairs if context.variants.self_shows_dropped else search.used_pairs
    return record_page(context, search, records, self_pairs, offset)


def record_page(
    context: RequestContext, search: ParsedSearch, records: list[Record], self_pairs: list[Pair], offset: int
) -> dict[str, Any]:
    """Build the Bundle of one page of records; `search.base` is the path of its links."""
    bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset"}
    if search.total != "none" or search.summary == "count":
        bundle["total"] = len(records)
    if search.summary == "count" or search.count == 0:
        return bundle | {"link": [_self_link(context, search, self_pairs)]}
    bundle["link"] = _page_links(context, search, self_pairs, offset, len(records))
    entries = _page_entries(context, search, records[offset : offset + search.count])
    return bundle | ({"entry": entries} if entries else {})


def apply_date_variants(context: RequestContext, resource_type: str, pairs: list[Pair]) -> list[Pair]:
    """Apply the variants `repeats`, `comma` and `drop_date_filters` to the parameters."""
    result, seen_codes, variants = [], set(), context.variants
    for name, value in pairs:
        code = name.partition(":")[0]
        parameter = PARAMETERS.get((resource_type, code))
        if not parameter or parameter.type != "date":
            result.append((name, value))
            continue
        is_repeated, is_list = code in seen_codes, "," in value
        if (is_repeated and variants.repeats == "refuse") or (is_list and variants.comma == "refuse"):
            raise bad_argument("Unsupported search argument value")
        if not (is_repeated and variants.repeats == "first") and not variants.drop_date_filters:
            result.append((name, value.partition(",")[0] if variants.comma == "first" else value))
        seen_codes.add(code)
    return result


def _page_entries(context: RequestContext, search: ParsedSearch, page: list[Record]) -> list[dict[str, Any]]:
    entries = [
        _bundle_entry(context, context.render(record, search.summary, search.elements), "match")
        for record in page
    ]
    if search.summary != "text":
        includes = included_records(context.engine, page, search.includes)
        entries += [_bundle_entry(context, context.render(record), "include") for record in includes]
    return entries + [_unsupported_warning(name) for name in search.ignored_names]


def _bundle_entry(context: RequestContext, resource: dict[str, Any], mode: str) -> dict[str, Any]:
    return {"fullUrl": context.full_url(resource), "resource": resource, "search": {"mode": mode}}


def _unsupported_warning(name: str) -> dict[str, Any]:
    text = f"Argument not supported: {name.partition(':')[0]}"
    return {"resource": operation_outcome("warning", "not-supported", text), "search": {"mode": "outcome"}}


def _self_link(context: RequestContext, search: ParsedSearch, self_pairs: list[Pair]) -> dict[str, str]:
    return {
        "relation": "self",
        "url": page_link(context.link_base, search.base, _link_pairs(context, self_pairs)),
    }


def _link_pairs(context: RequestContext, pairs: list[Pair]) -> list[Pair]:
    """Return the parameters of a link: all, or with the fault `link-include-params` all but the includes."""
    if not context.has_fault("link-include-params"):
        return list(pairs)
    return [pair for pair in pairs if pair[0] not in INCLUDE_PARAMETERS]


def _page_links(
    context: RequestContext, search: ParsedSearch, self_pairs: list[Pair], offset: int, total: int
) -> list[dict[str, str]]:
    count, variants = search.count, context.variants
    last = max(total - 1, 0) // count * count
    offsets = {"first": 0, variants.previous_relation: offset - count, "next": offset + count, "last": last}
    if not variants.first_and_last:
        del offsets["first"], offsets["last"]
    links = [_self_link(context, search, self_pairs)]
    for relation, start in offsets.items():
        if 0 <= start < max(total, 1):
            pairs = page_pairs(_link_pairs(context, search.used_pairs), start, count, variants)
            links.append({"relation": relation, "url": page_link(context.link_base, search.base, pairs)})
    return links
