"""History of one resource: its present version, and earlier ones that differ in `meta` only."""

from datetime import datetime, timedelta
from typing import Any

from gateway.emulator.data.records import Record, format_utc_instant
from gateway.emulator.links import page_link, page_offsets, page_pairs, split_page_position
from gateway.emulator.request_context import RequestContext
from gateway.emulator.search.query import Pair, parse_search
from gateway.emulator.search.refusal import Refusal


def history(
    context: RequestContext, resource_type: str, resource_id: str, request_pairs: list[Pair]
) -> dict[str, Any]:
    """Build one page of a resource's history, newest version first. All share one `fullUrl`, as bdl-7 allows.

    Raises Refusal (404) if the variant `history_versions` is 0, or for an unknown resource.
    """
    record, count = context.find_record(resource_type, resource_id), context.variants.history_versions
    if not count:
        raise Refusal("engine", 404, "Unable to parse Resource URL", "not-found")
    if not record:
        raise Refusal("engine", 404, "Resource not found", "not-found")
    pairs, offset = split_page_position(request_pairs, context.variants.paging)
    page_size = parse_search(resource_type, pairs).count or count
    versions = range(count, 0, -1)[offset : offset + page_size]
    return {
        "resourceType": "Bundle",
        "type": "history",
        "total": count,
        "link": _links(context, f"{resource_type}/{resource_id}/_history", pairs, offset, page_size),
        "entry": [_entry(context, record, version) for version in versions],
    }


def _links(
    context: RequestContext, path: str, pairs: list[Pair], offset: int, page_size: int
) -> list[dict[str, str]]:
    variants = context.variants
    pages = {"self": list(pairs)} | {
        relation: page_pairs(pairs, start, page_size, variants)
        for relation, start in page_offsets(variants, offset, page_size, variants.history_versions).items()
    }
    return [
        {"relation": relation, "url": page_link(context.link_base, variants.link_form, path, page)}
        for relation, page in pages.items()
    ]


def _entry(context: RequestContext, record: Record, version: int) -> dict[str, Any]:
    resource = context.render(_version(record, version, context.variants.history_versions))
    local = f"{resource['resourceType']}/{resource['id']}"
    method, status = ("POST", "201 Created") if version == 1 else ("PUT", "200 OK")
    return {
        "fullUrl": context.full_url(resource),
        "resource": resource,
        "request": {"method": method, "url": resource["resourceType"] if version == 1 else local},
        "response": {
            "status": status,
            "etag": f'W/"{version}"',
            "lastModified": resource["meta"]["lastUpdated"],
        },
    }


def _version(record: Record, version: int, newest: int) -> Record:
    """Return the row as it was in a version: one day older for each version before the newest."""
    meta = record.resource["meta"]
    moment = datetime.fromisoformat(meta["lastUpdated"]) - timedelta(days=newest - version)
    changed = format_utc_instant(moment, record.resource["resourceType"])
    return Record(
        {**record.resource, "meta": {**meta, "versionId": str(version), "lastUpdated": changed}},
        record.active,
    )
