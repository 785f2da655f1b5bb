"""Registry of upstreams, by the name that the setting `upstreams.<name>.dialect` uses."""

from collections.abc import Iterator

from gateway.errors.failure import FailureKind
from gateway.upstreams import status_rules
from gateway.upstreams.dialect import UNMATCHED_RULE, Dialect
from gateway.upstreams.error_rule import ErrorRule
from gateway.upstreams.fhir_server import FHIR_SERVER
from gateway.upstreams.halo_connect import HALO_CONNECT
from gateway.upstreams.halo_itsm import HALO_ITSM
from gateway.upstreams.halo_sql import HALO_SQL
from gateway.upstreams.health_gorilla import HEALTH_GORILLA
from gateway.upstreams.kinds_by_interaction import kinds_of

DIALECTS: dict[str, Dialect] = {
    dialect.name: dialect for dialect in (HALO_CONNECT, HALO_SQL, HEALTH_GORILLA, HALO_ITSM, FHIR_SERVER)
}


def rule_sources() -> Iterator[tuple[str, tuple[ErrorRule, ...]]]:
    """Yield the rules of each dialect under its name, then those by status."""
    for dialect in DIALECTS.values():
        if dialect.rules:
            yield f"`{dialect.name}`", dialect.rules
    yield "Every upstream, by status", (*status_rules.RULES, UNMATCHED_RULE)
    yield "Every upstream but Halo, instead of `unrecognised`", status_rules.REFUSAL_RULES


def rule_kinds() -> Iterator[FailureKind]:
    """Yield the kinds of failure of all rules."""
    for _, rules in rule_sources():
        for rule in rules:
            yield from kinds_of(rule.kind)
            if rule.own_credentials_kind:
                yield rule.own_credentials_kind


def mountable_dialects() -> list[str]:
    """Sorted names of the dialects that operators may mount."""
    return sorted(name for name, dialect in DIALECTS.items() if dialect.is_mountable)
