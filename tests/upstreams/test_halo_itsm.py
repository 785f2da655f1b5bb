"""Error rules of HaloITSM."""

from typing import Any

import pytest
from support.dialects import failure, require_failure
from support.upstream_catalogue import HALO_ITSM

from gateway.errors.failure import FailureKind
from gateway.fhir.interaction import NOT_FHIR
from gateway.upstreams import halo_itsm
from gateway.upstreams.kinds_by_interaction import kind_for


@pytest.mark.parametrize(("rule", "status", "body", "kind"), HALO_ITSM)
def test_catalogue_entry_has_its_kind(rule: str, status: int, body: Any, kind: FailureKind) -> None:
    assert require_failure("halo-itsm", status, body, line="GET api/tickets").kind == kind_for(kind, NOT_FHIR)


def test_every_rule_is_in_the_catalogue() -> None:
    assert {rule.id for rule in halo_itsm.RULES} <= {rule for rule, *_ in HALO_ITSM}


@pytest.mark.parametrize("body", [{"record_count": 0, "tickets": []}, [], {"Message": "Saved"}, b"", b"OK"])
def test_successful_responses_are_no_failures(body: Any) -> None:
    assert failure("halo-itsm", 200, body, line="GET api/tickets") is None
