"""REPAIRS: the repair of every known issue, in the order in which the gateway applies them."""

from collections.abc import Iterable
from importlib import import_module

from gateway.repairs import capability_statement, further_issues
from gateway.repairs.repair import KnownIssue, Repair
from gateway.repairs.witness import NamedWitness, Witness
from gateway.upstreams.dialect import Dialect
from gateway.upstreams.halo_connect import HALO_CONNECT

#: Ids of the repairs, in order. The file of each has its name with underscores, and defines REPAIR.
_IDS = (
    "search-date-format",
    "inactive-records",
    "link-include-params",
    "link-base-url",
    "reference-base-url",
    "last-updated-offset",
    "error-envelope",
    "sql-parameter-conversion",
)


def _repair_of(issue_id: str) -> Repair:
    repair: Repair = import_module(f"{__name__}.{issue_id.replace('-', '_')}").REPAIR
    return repair


_INDEPENDENT_REPAIRS = tuple(map(_repair_of, _IDS))
REPAIRS: tuple[Repair, ...] = (*_INDEPENDENT_REPAIRS, capability_statement.make_repair(_INDEPENDENT_REPAIRS))
#: All known issues, also those without a repair, and the witnesses of those that answers can show.
KNOWN_ISSUES: tuple[KnownIssue, ...] = (
    *(repair.issue for repair in REPAIRS),
    *(issue for issue, _ in further_issues.FURTHER_ISSUES),
)
#: Repairs that every FHIR server needs behind a proxy: they replace its base URL.
BASE_URL_REPAIRS = tuple(repair for repair in REPAIRS if repair.issue.id.endswith("-base-url"))
#: Ids of the issues of Halo Connect alone; their switches concern no other upstream.
HALO_ISSUE_IDS = frozenset(issue.id for issue in KNOWN_ISSUES).difference(
    repair.issue.id for repair in BASE_URL_REPAIRS
)


def witnesses_of(repairs: Iterable[Repair]) -> tuple[tuple[str, Witness], ...]:
    """Return the witnesses of repairs, by the ids of their issues."""
    return tuple((repair.issue.id, repair.witness) for repair in repairs if repair.witness is not None)


WITNESSES = (
    *witnesses_of(REPAIRS),
    *((issue.id, witness) for issue, witness in further_issues.FURTHER_ISSUES),
)


def own_witnesses(dialect: Dialect) -> tuple[NamedWitness, ...]:
    """Witnesses of the gateway's own repairs that apply to an upstream; bodies that are no FHIR have none."""
    if dialect is HALO_CONNECT:
        return WITNESSES
    return witnesses_of(BASE_URL_REPAIRS) if dialect.is_fhir else ()
