"""Faults that the emulators of Health Gorilla and HaloITSM share; each vendor's own tests send them."""

import pytest
from pydantic import ValidationError

from gateway.emulator.halo_itsm.faults import ItsmFault
from gateway.emulator.health_gorilla.faults import GorillaFault
from gateway.emulator.injected_faults import FaultRules
from gateway.emulator.vendor_faults import VendorFault


@pytest.mark.parametrize("fault", [GorillaFault, ItsmFault])
def test_kind_of_another_upstream_is_refused(fault: type[VendorFault]) -> None:
    with pytest.raises(ValidationError, match="no such kind: no-contact"):
        fault(kind="no-contact")


@pytest.mark.parametrize("field", ["site", "per_second", "error_code"])
def test_field_of_halo_connect_is_refused(field: str) -> None:
    with pytest.raises(ValidationError, match=field):
        ItsmFault.model_validate({field: 1 if field != "site" else "x"})


def test_row_called_rate_limit_needs_no_rate() -> None:
    """At Halo Connect, `rate-limit` fails only the requests above a rate."""
    rules = FaultRules[GorillaFault]()
    rules.rules.append(GorillaFault(kind="rate-limit"))
    fault = rules.take_matching("GET", "/", "")
    assert fault is not None
    response = fault.injected_response()
    assert response is not None
    assert response.status_code == 429
