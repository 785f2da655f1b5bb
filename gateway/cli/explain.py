"""`halo-gateway explain`: the answer of `$explain` without a running gateway."""

from datetime import UTC, datetime

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest
from gateway.fhir.interaction import NOT_FHIR
from gateway.search.explain import explain_search, request_for_search
from gateway.settings import Settings
from gateway.settings.resolve import ConfiguredSites


def explain_for_site(settings: Settings, guid: str, search: str) -> str:
    """What a search means and costs at a site. Raises ValueError for a site or search that cannot be read."""
    site = ConfiguredSites(settings)(guid)
    if site is None:
        raise ValueError(f"sites.{guid}.time_zone must be set: dates depend on it")
    now = datetime.now(UTC)
    request = FhirRequest("GET", NOT_FHIR, "", "", "", site=site, received_at=now)
    try:
        return "\n".join(explain_search(request_for_search(request, search), site))
    except Failure as failure:
        raise ValueError(failure.text) from None
