"""Searchset Bundle: entries of one page, their includes, and links in the site's form."""

from typing import Any

from gateway.emulator.data.records import Record
from gateway.emulator.errors import operation_outcome
from gateway.emulator.links import (
    INCLUDE_PARAMETERS,
    page_link,
    page_offsets,
    page_pairs,
    split_page_position,
)
from gateway.emulator.request_context import RequestContext
from gateway.emulator.search.includes import included_records
from gateway.emulator.search.parameters import PARAMETERS
from gateway.emulator.search.query import Pair, ParsedSearch, parse_search
from gateway.emulator.search.refusal import bad_argument
from gateway.emulator.self_link import self_pairs
from gateway.emulator.settings import Totals


def searchset(context: RequestContext, resource_type: str, request_pairs: list[Pair]) -> dict[str, Any]:
    """Build the Bundle of one page of a search. Raises Refusal (400) for parameters that the site refuses."""
    variants = context.variants
    pairs, offset = split_page_position(request_pairs, variants.paging)
    search = parse_search(
        resource_type, apply_date_variants(context, resource_type, pairs), variants.dropped_parameters
    )
    search.count = min(search.count, variants.max_count)
    if search.ignored_names and variants.unknown_parameter == "refuse":
        raise bad_argument(f"Unsupported search argument: {search.ignored_names[0].partition(':')[0]}")
    records = context.engine.select(search)
    shown_pairs = pairs if variants.self_shows_dropped else search.used_pairs
    return record_page(context, search, records, shown_pairs, offset)


def record_page(
    context: RequestContext, search: ParsedSearch, records: list[Record], shown_pairs: list[Pair], offset: int
) -> dict[str, Any]:
    """Build the Bundle of one page of records; `search.base` is the path of its links."""
    bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset"}
    links = _self_links(context, search, shown_pairs)
    page = records[offset : offset + search.count]
    total = reported_total(context.variants.totals, len(records), len(page))
    if total is not None and (search.total != "none" or search.summary == "count"):
        bundle["total"] = total
    if search.summary == "count" or search.count == 0:
        return bundle | {"link": links}
    bundle["link"] = links + _page_links(context, search, offset, len(records))
    entries = _page_entries(context, search, page)
    return bundle | ({"entry": entries} if entries else {})


def reported_total(totals: Totals, matches: int, on_page: int) -> int | None:
    """Return the `total` of a search with so many matches, or None if the site reports none."""
    return {"accurate": matches, "absent": None, "page": on_page, "excessive": matches + 3}[totals]


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
    warns = context.variants.unknown_parameter != "ignore-silently"
    return entries + [_unsupported_warning(name) for name in search.ignored_names if warns]


def _bundle_entry(context: RequestContext, resource: dict[str, Any], mode: str) -> dict[str, Any]:
    entry = {"fullUrl": context.full_url(resource), "resource": resource}
    return entry | ({"search": {"mode": mode}} if context.variants.search_modes else {})


def _unsupported_warning(name: str) -> dict[str, Any]:
    text = f"Argument not supported: {name.partition(':')[0]}"
    return {"resource": operation_outcome("warning", "not-supported", text), "search": {"mode": "outcome"}}


def _self_links(context: RequestContext, search: ParsedSearch, pairs: list[Pair]) -> list[dict[str, str]]:
    variants = context.variants
    shown = self_pairs(variants.self_form, search.base, _link_pairs(context, pairs))
    url = page_link(context.link_base, variants.link_form, search.base, shown)
    bare_url = url.removesuffix("?") or "?"
    return {
        "absent": [],
        "bare": [{"relation": "self", "url": bare_url}],
    }.get(variants.self_form, [{"relation": "self", "url": url}])


def _link_pairs(context: RequestContext, pairs: list[Pair]) -> list[Pair]:
    """Return the parameters of a link: all, or with the fault `link-include-params` all but the includes."""
    if not context.has_fault("link-include-params"):
        return list(pairs)
    return [pair for pair in pairs if pair[0] not in INCLUDE_PARAMETERS]


def _page_links(
    context: RequestContext, search: ParsedSearch, offset: int, total: int
) -> list[dict[str, str]]:
    """Return the links to other pages: `first`, the previous, `next`, `last`."""
    pairs, variants = _link_pairs(context, search.used_pairs), context.variants
    links = []
    for relation, start in page_offsets(variants, offset, search.count, total).items():
        page = page_pairs(pairs, start, search.count, variants)
        url = page_link(context.link_base, variants.link_form, search.base, page)
        links.append({"relation": relation, "url": url})
    return links
