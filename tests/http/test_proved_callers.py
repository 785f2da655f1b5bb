"""Callers and sites that an upstream has confirmed."""

import pytest
from support.requests import GUID, SITE, fhir_request

from gateway.exchange import FhirRequest, Headers, Site
from gateway.fhir.interaction import NOT_FHIR
from gateway.http.proved_callers import ProvedCallers, caller_at_upstream, caller_of, may_prove_caller

KEY: Headers = (("ocp-apim-subscription-key", "demo-key"),)
OTHER_KEY: Headers = (("ocp-apim-subscription-key", "other-key"),)
HALO = "https://api.haloconnect.io"


def _other(path: str, site: Site | None = None) -> FhirRequest:
    return fhir_request(method="GET").replace(site=site, interaction=NOT_FHIR, path=path)


class Clock:
    """A clock that stands still."""

    seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


def test_caller_is_proved_by_a_success_only() -> None:
    proved, caller = ProvedCallers(Clock()), caller_at_upstream(HALO, KEY)
    assert not proved.is_proved(caller)
    proved.record_success(caller, GUID)
    assert proved.is_proved(caller)
    assert not proved.is_proved(caller_at_upstream(HALO, OTHER_KEY))


def test_success_at_one_upstream_proves_nothing_at_another() -> None:
    proved = ProvedCallers(Clock())
    proved.record_success(caller_at_upstream(HALO, KEY))
    assert not proved.is_proved(caller_at_upstream("https://fhir.example/r4", KEY))


def test_path_of_the_upstream_is_no_part_of_its_name() -> None:
    request = fhir_request(headers=KEY)
    assert caller_of(request) == caller_at_upstream(HALO, KEY)
    assert caller_of(request).startswith(f"{HALO} ")


def test_request_without_credential_is_never_proved() -> None:
    proved, caller = ProvedCallers(Clock()), caller_of(fhir_request())
    proved.record_success(caller, GUID)
    assert caller == ""
    assert not proved.is_proved(caller)


def test_proof_ends_after_a_day_or_the_given_time() -> None:
    clock = Clock()
    proved = ProvedCallers(clock)
    proved.record_success("caller", GUID)
    clock.seconds += 3_600
    assert proved.is_proved("caller")
    assert not proved.is_proved("caller", within=3_600)
    clock.seconds += 86_400
    assert not proved.is_proved("caller")
    assert not proved.is_site_proved(GUID)


def test_refused_caller_is_unproved_and_its_site_is_not() -> None:
    proved = ProvedCallers(Clock())
    proved.record_success("caller", GUID)
    proved.forget("caller")
    proved.forget("unknown")
    assert not proved.is_proved("caller")
    assert proved.is_site_proved(GUID)


def test_made_up_names_displace_no_proof() -> None:
    proved = ProvedCallers(Clock())
    proved.record_success("honest", GUID)
    for number in range(20_000):
        assert not proved.is_proved(f"made-up-{number}")
        assert not proved.is_site_proved(f"made-up-{number}")
    assert proved.is_proved("honest")
    assert proved.is_site_proved(GUID)


def test_tables_are_bounded() -> None:
    proved = ProvedCallers(Clock())
    for number in range(10_001):
        proved.record_success(f"caller-{number}", f"site-{number}")
    assert [proved.is_proved(f"caller-{number}") for number in (0, 1, 10_000)] == [False, True, True]
    assert [proved.is_site_proved(f"site-{number}") for number in (5_000, 5_001)] == [False, True]


@pytest.mark.parametrize(
    ("request_", "proves"),
    [
        (fhir_request("Patient"), True),
        (fhir_request("Patient/1"), True),
        (fhir_request("metadata"), False),
        (_other("integrator/sites/x/queries/1"), True),
        (_other("desktop/sites/x"), True),
        (_other("integrator/token"), False),
        (_other("integrator/pair-site"), False),
        (_other("api/Tickets/7", SITE), True),
        (_other("API/Tickets", SITE), True),
        (_other("api", SITE), False),
        (_other("auth/token", SITE), False),
        (_other("auth/sites/x", SITE), False),
        (_other("api/Tickets"), False),
    ],
)
def test_only_endpoints_behind_a_credential_prove_a_caller(request_: FhirRequest, proves: bool) -> None:
    assert may_prove_caller(request_) is proves


def test_caller_that_the_reader_has_noted_is_not_made_again() -> None:
    assert caller_of(fhir_request(headers=KEY, caller="noted")) == "noted"
