"""`halo-gateway explain`: the result of `$explain` without a running gateway."""

import asyncio
from datetime import UTC, datetime
from secrets import token_hex

from gateway.builders import token_cipher
from gateway.cli.site_names import require_site_key
from gateway.errors.catalog import NOTHING_TO_EXPLAIN
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest
from gateway.fhir.interaction import NOT_FHIR
from gateway.fhir.resource_types import RESOURCE_TYPES
from gateway.plugins.extensions_of import extensions_of
from gateway.repairs import REPAIRS
from gateway.search.explain import explain_search, request_for_search
from gateway.search_handlers import initial_knowledge, planning_handlers
from gateway.settings import Settings
from gateway.settings.resolve import ConfiguredSites
from gateway.settings.spelling import nearest_word
from gateway.sites.mounted_names import guid_in, mount_in

_NOT_RUNNING = (
    "Not from a running gateway: cache, page sizes, pauses and circuits are unknown here. POST $explain shows"
    " them."
)


def explain_for_site(settings: Settings, site_name: str, search: str) -> str:
    """Explain how a search is executed at a site and what it costs.

    `site_name`: Halo GUID or alias, behind the name of its upstream if that is a second Halo Connect.

    Raises ValueError for an unknown site or a search that cannot be parsed.
    """
    now, key = datetime.now(UTC), require_site_key(settings, site_name)
    if key in settings.upstreams:
        raise ValueError(f"{key} is no Halo Connect: the gateway explains searches of its practices only")
    site = ConfiguredSites(settings).require(guid_in(key))
    request = FhirRequest("GET", NOT_FHIR, "", "", "", site=site, received_at=now)
    upstream = settings.upstreams.get(mount_in(key), settings.upstream)
    repairs = (*REPAIRS, *extensions_of(settings, upstream).repairs)
    knowledge = initial_knowledge(settings, now.timestamp)._replace(repairs=repairs)
    handlers = planning_handlers(settings, token_cipher(settings, token_hex()), knowledge)
    try:
        search_request = request_for_search(request, search, settings.search.limits)
    except Failure as failure:
        raise ValueError(_usage(search) if failure.kind is NOTHING_TO_EXPLAIN else failure.text) from None
    lines = asyncio.run(explain_search(search_request, handlers))
    return "\n".join((f"site: {site.guid} ({site.zone.key})", *lines, _NOT_RUNNING))


def _usage(search: str) -> str:
    """Return what to write instead of a text that is no search."""
    written = search.partition("?")[0].strip("/").partition("/")[0]
    nearest = nearest_word(written, RESOURCE_TYPES) if written not in RESOURCE_TYPES else ""
    if nearest:
        return f"SEARCH: no such resource type in R4: did you mean {nearest}?"
    return "SEARCH: this is no search: write a search, for example 'Appointment?date=2026-04'"
