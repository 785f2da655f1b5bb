"""`halo-gateway explain`: the answer of `$explain` without a running gateway."""

from datetime import UTC, datetime

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest
from gateway.fhir.interaction import OTHER
from gateway.search.explain import asked, explanation
from gateway.settings import Settings
from gateway.settings.resolve import Sites


def explained(settings: Settings, guid: str, search: str) -> str:
    """What a search means and costs at a site. Raises ValueError for a site or search that cannot be read."""
    site = Sites(settings)(guid)
    if site is None:
        raise ValueError(f"sites.{guid}.time_zone must be set: dates depend on it")
    now = datetime.now(UTC)
    request = FhirRequest("GET", OTHER, "", "", "", site=site, received=now)
    try:
        return "\n".join(explanation(asked(request, search), site))
    except Failure as failure:
        raise ValueError(failure.text) from None
