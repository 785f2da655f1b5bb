"""REPAIRS: the repair of every known issue, in the order in which the gateway applies them."""

from collections.abc import Iterable

from gateway.repairs import (
    capability_statement,
    error_envelope,
    further_issues,
    inactive_records,
    last_updated_offset,
    link_base_url,
    link_include_params,
    reference_base_url,
    search_date_format,
    sql_parameter_conversion,
)
from gateway.repairs.repair import KnownIssue, Repair
from gateway.repairs.witness import Witness

_INDEPENDENT_REPAIRS = (
    search_date_format.REPAIR,
    inactive_records.REPAIR,
    link_include_params.REPAIR,
    link_base_url.REPAIR,
    reference_base_url.REPAIR,
    last_updated_offset.REPAIR,
    error_envelope.REPAIR,
    sql_parameter_conversion.REPAIR,
)
REPAIRS: tuple[Repair, ...] = (*_INDEPENDENT_REPAIRS, capability_statement.make_repair(_INDEPENDENT_REPAIRS))
#: All known issues, also those without a repair, and the witnesses of those that answers can show.
KNOWN_ISSUES: tuple[KnownIssue, ...] = (
    *(repair.issue for repair in REPAIRS),
    *(issue for issue, _ in further_issues.FURTHER_ISSUES),
)


def witnesses_of(repairs: Iterable[Repair]) -> tuple[tuple[str, Witness], ...]:
    """Return the witnesses of repairs, by the ids of their issues."""
    return tuple((repair.issue.id, repair.witness) for repair in repairs if repair.witness is not None)


WITNESSES = (
    *witnesses_of(REPAIRS),
    *((issue.id, witness) for issue, witness in further_issues.FURTHER_ISSUES),
)
