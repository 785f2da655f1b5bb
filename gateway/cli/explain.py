"""`halo-gateway explain`: the result of `$explain` without a running gateway."""

from datetime import UTC, datetime

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest
from gateway.fhir.interaction import NOT_FHIR
from gateway.search.explain import explain_search, request_for_search
from gateway.settings import Settings
from gateway.settings.resolve import ConfiguredSites


def explain_for_site(settings: Settings, guid: str, search: str) -> str:
    """Explain how a search is executed at a site and what it costs.

    Raises ValueError for an unknown site or a search that cannot be parsed.
    """
    site = ConfiguredSites(settings).require(guid)
    now = datetime.now(UTC)
    request = FhirRequest("GET", NOT_FHIR, "", "", "", site=site, received_at=now)
    try:
        return "\n".join(explain_search(request_for_search(request, search, settings.search.limits), site))
    except Failure as failure:
        raise ValueError(failure.text) from None
