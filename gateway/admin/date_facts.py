"""What is known about the dates of a site, and by what proof, for operators."""

from collections.abc import Mapping
from typing import Any, Final

from gateway.dates.support import ParameterKey
from gateway.exchange import Site

NEVER_PROBED: Final = "never probed"


def date_facts_json(site: Site | None) -> dict[str, Any] | None:
    """Return clocks, precisions and labels that the configuration states; None without a time zone.

    What is missing there is unknown: the gateway then asks for more records and checks each match.
    """
    if site is None:
        return None
    support = site.date_support
    return {
        "timeZone": str(site.zone),
        "verifiedBy": site.verified_by or None,
        "clocks": _by_name(support.column_time_zones),
        "precision": _by_name(support.date_precision),
        "labels": dict(site.last_updated_input),
        "periods": support.period_semantics,
    }


def proof_text(facts: Mapping[str, Any] | None) -> str:
    """Return the proof as a word or two."""
    if facts is None:
        return "no time zone"
    return str(facts["verifiedBy"] or NEVER_PROBED)


def _by_name(table: Mapping[ParameterKey, object]) -> dict[str, str]:
    return {".".join(key): str(value) for key, value in table.items()}
