import pytest
from structlog.testing import capture_logs
from support.ledger import Told
from support.requests import GUID, NOW, SITE, fhir_request

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, Site
from gateway.fhir.interaction import OTHER
from gateway.http.callers import caller
from gateway.ledger.caps import Cap
from gateway.ledger.cost import Cost, Line
from gateway.ledger.daily_usage import DailyUse
from gateway.ledger.recorder import NOBODY, OTHERS, Caller, Known, Recorder

KEY = (("ocp-apim-subscription-key", "Zzyzx-key"),)
DIGITS = caller(KEY)


def recorder(books: Told | None = None, cap: Cap | None = None, known: Known = NOBODY) -> Recorder:
    told = books or Told()
    sites = {GUID: SITE}
    return Recorder(told, DailyUse(lambda _: cap), told, sites=sites.get, known=known, now=lambda: NOW)


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
    told = recorder(known=Known({DIGITS: Caller("kiosk", batch=True)}))
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


def test_several_of_one_size_may_be_counted_at_once() -> None:
    books = Told()
    told = recorder(books)
    told.count(told.subject(fhir_request()), Cost.HIT, 20, queries=3)
    assert (books.costs, books.octets) == ([Cost.HIT] * 3, [20] * 3)
    assert [(octets, queries) for *_, octets, queries in books.exchanges] == [(60, 3)]


def test_a_day_ends_at_the_sites_midnight_though_the_line_is_kept() -> None:
    books, hours = Told(), iter((12, 13, 14, 15))
    told = Recorder(
        books, DailyUse(lambda _: None), books, now=lambda: NOW.replace(hour=next(hours), minute=0)
    )
    subject = told.subject(fhir_request())
    for _ in range(4):
        told.count(subject, Cost.HIT)
    assert [line.day for line, _ in books.lines] == ["2026-07-01"] * 2 + ["2026-07-02"] * 2


def test_lines_that_are_made_ahead_stay_bounded_and_exact() -> None:
    books = Told()
    told = recorder(books)
    subject = told.subject(fhir_request())
    for number in range(20_010):
        told.count(subject._replace(caller=f"{number:08x}"), Cost.HIT)
    assert len(set(books.lines)) == 20_010


def test_a_site_that_is_configured_keeps_its_name_among_any_number_of_forged_ones() -> None:
    told = recorder(known=Known({}, {GUID}))
    for each in range(5_100):
        told.subject(fhir_request(site=Site(str(each), SITE.zone, str(each))))
    assert told.subject(fhir_request()).site == GUID


def test_a_refusal_is_free_and_a_failure_and_brings_up_no_new_site() -> None:
    books = Told()
    told = recorder(books, known=Known({}, {GUID}))
    for site in (SITE, Site("forged", SITE.zone, "forged"), None):
        told.refuse(site, KEY, OTHER, "guid-malformed")
    lines = [Line("2026-07-01", each, DIGITS, "", "other", Cost.FREE) for each in (GUID, "", "")]
    assert [line for line, _ in books.lines] == lines
    assert books.codes == ["guid-malformed"] * 3


def test_what_has_not_ended_when_the_process_does_may_have_been_billed_and_is_counted_once() -> None:
    books = Told()
    told = recorder(books)
    subject = told.subject(fhir_request())
    ended, running = (told.begin(subject, Cost.MAYBE_BILLED) for _ in range(2))
    told.end(ended, Cost.BILLED, 20, 0.5)
    told.settle()
    told.end(running, Cost.BILLED, 20, 0.5)
    told.settle()
    assert (books.costs, books.octets) == ([Cost.BILLED, Cost.MAYBE_BILLED], [20, 0])
