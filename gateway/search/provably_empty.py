"""Response to a search whose date criteria no value can meet: no query is sent, and an entry says so."""

from collections.abc import Sequence

import msgspec

from gateway.dates.plan import DatePlan
from gateway.errors.operation_outcome import MEDIA_TYPE, information_outcome
from gateway.exchange import FhirResponse


def provably_empty_searchset(plans: Sequence[DatePlan]) -> FhirResponse:
    """Return a searchset without matches that names the criteria that nothing can meet, not their values."""
    reasons = [f"{plan.name}: {plan.reason}" for plan in plans if plan.strategy == "empty"]
    outcome = information_outcome(" ".join([*reasons, "The gateway sent no query."]))
    entries = [{"resource": outcome, "search": {"mode": "outcome"}}]
    bundle = {"resourceType": "Bundle", "type": "searchset", "total": 0, "entry": entries}
    return FhirResponse(200, (("content-type", MEDIA_TYPE),), msgspec.json.encode(bundle))
