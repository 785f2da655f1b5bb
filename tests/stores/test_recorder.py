import pytest
from books import Told
from exchanges import GUID, NOW, SITE, fhir_request
from structlog.testing import capture_logs

from gateway.core.caps import Cap
from gateway.core.cost import Cost, Line, caller
from gateway.core.exchange import FhirRequest, Site
from gateway.core.failure import Failure
from gateway.core.interaction import OTHER
from gateway.stores.daily_use import DailyUse
from gateway.stores.recorder import OTHERS, Caller, Recorder

KEY = (("ocp-apim-subscription-key", "Zzyzx-key"),)
DIGITS = caller(KEY)


def recorder(
    books: Told | None = None, cap: Cap | None = None, callers: dict[str, Caller] | None = None
) -> Recorder:
    told = books or Told()
    sites = {GUID: SITE}
    return Recorder(told, DailyUse(lambda _: cap), told, sites=sites.get, callers=callers, now=lambda: NOW)


def other(path: str) -> FhirRequest:
    return FhirRequest("POST", OTHER, path, "https://gw.example", "https://api.haloconnect.io", headers=KEY)


def test_an_exchange_is_counted_under_its_site_caller_type_interaction_and_day() -> None:
    books = Told()
    told = recorder(books)
    told.count(told.subject(fhir_request("Patient", "family=Zzyzx", headers=KEY)), Cost.BILLED, 42, 0.5)
    assert books.lines == [(Line("2026-07-01", GUID, DIGITS, "Patient", "search-type", Cost.BILLED), 42)]
    assert books.seconds == [0.5]
    assert "Zzyzx" not in str(books)


def test_a_caller_has_the_name_it_was_given() -> None:
    told = recorder(callers={DIGITS: Caller("kiosk", batch=True)})
    subject = told.subject(fhir_request(headers=KEY))
    assert (subject.caller, subject.batch) == ("kiosk", True)
    assert told.subject(fhir_request()).caller == ""


def test_a_request_may_call_itself_background_work() -> None:
    request = fhir_request(headers=(*KEY, ("priority", "u=7")))
    assert recorder().subject(request).batch
    assert not recorder().subject(fhir_request(headers=KEY)).batch


@pytest.mark.parametrize("guid", [GUID, GUID.upper()])
def test_what_is_not_fhir_is_counted_at_its_site_too(guid: str) -> None:
    subject = recorder().subject(other(f"integrator/sites/{guid}/queries/immediate"))
    assert (subject.site, subject.name, subject.type, subject.interaction) == (GUID, "harbour", "", "other")


def test_what_names_no_site_is_counted_without_one() -> None:
    assert recorder().subject(other("integrator/token")).site == ""
    assert recorder().subject(other("api/Tickets/sites/1")).site == ""


def test_forged_names_do_not_fill_the_ledger() -> None:
    told = recorder()
    forged = [fhir_request(headers=(("deviceid", str(each)),)) for each in range(1_100)]
    assert len({told.subject(each).caller for each in forged}) == 1_001
    assert told.subject(fhir_request(headers=(("deviceid", "0"),))).caller != OTHERS
    told = recorder()
    sites = [fhir_request(site=Site(str(each), SITE.zone, str(each))) for each in range(5_100)]
    subjects = [told.subject(each) for each in sites]
    assert len({each.site for each in subjects}) == 5_001
    assert subjects[-1].name == OTHERS


def test_batch_work_beyond_the_cap_is_refused_until_midnight() -> None:
    told = recorder(None, Cap(queries=1, stops_batch=True))
    subject = told.subject(fhir_request(headers=(("priority", "u=7"),)))
    told.admit(subject)
    with capture_logs():
        told.count(subject, Cost.BILLED)
    with pytest.raises(Failure) as refused:
        told.admit(subject)
    assert refused.value.retry_after == 12 * 3_600
    told.admit(subject._replace(batch=False))
