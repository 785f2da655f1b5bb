import pytest
from structlog.testing import capture_logs
from support.ledger import Told
from support.requests import GUID, NOW, SITE, fhir_request

from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, Site
from gateway.fhir.interaction import NOT_FHIR
from gateway.http.callers import ledger_label
from gateway.ledger.caps import DailyCap
from gateway.ledger.cost import CostClass, LedgerKey
from gateway.ledger.daily_usage import DailyUsage
from gateway.ledger.recorder import (
    NO_CONFIGURED_NAMES,
    OVERFLOW_NAME,
    CallerConfig,
    ConfiguredNames,
    Recorder,
)

KEY = (("ocp-apim-subscription-key", "Zzyzx-key"),)
DIGITS = ledger_label(KEY)


def recorder(
    books: Told | None = None, cap: DailyCap | None = None, known: ConfiguredNames = NO_CONFIGURED_NAMES
) -> Recorder:
    told = books or Told()
    sites = {GUID: SITE}
    return Recorder(
        told, DailyUsage(lambda _: cap), told, site_of=sites.get, configured_names=known, now=lambda: NOW
    )


def other(path: str) -> FhirRequest:
    return FhirRequest(
        "POST", NOT_FHIR, path, "https://gw.example", "https://api.haloconnect.io", headers=KEY
    )


def test_an_exchange_is_counted_under_its_site_caller_type_interaction_and_day() -> None:
    books = Told()
    told = recorder(books)
    told.count_requests(
        told.attribution_of(fhir_request("Patient", "family=Zzyzx", headers=KEY)), CostClass.BILLED, 42, 0.5
    )
    assert books.lines == [
        (LedgerKey("2026-07-01", GUID, DIGITS, "Patient", "search-type", CostClass.BILLED), 42)
    ]
    assert books.seconds == [0.5]
    assert "Zzyzx" not in str(books)


def test_a_caller_has_the_name_it_was_given() -> None:
    told = recorder(known=ConfiguredNames({DIGITS: CallerConfig("kiosk", is_batch=True)}))
    subject = told.attribution_of(fhir_request(headers=KEY))
    assert (subject.caller, subject.is_batch) == ("kiosk", True)
    assert told.attribution_of(fhir_request()).caller == ""


def test_a_request_may_call_itself_background_work() -> None:
    request = fhir_request(headers=(*KEY, ("priority", "u=7")))
    assert recorder().attribution_of(request).is_batch
    assert not recorder().attribution_of(fhir_request(headers=KEY)).is_batch


@pytest.mark.parametrize("guid", [GUID, GUID.upper()])
def test_what_is_not_fhir_is_counted_at_its_site_too(guid: str) -> None:
    subject = recorder().attribution_of(other(f"integrator/sites/{guid}/queries/immediate"))
    assert (subject.site, subject.name, subject.type, subject.interaction) == (GUID, "harbour", "", "other")


def test_what_names_no_site_is_counted_without_one() -> None:
    assert recorder().attribution_of(other("integrator/token")).site == ""
    assert recorder().attribution_of(other("api/Tickets/sites/1")).site == ""


def test_forged_names_do_not_fill_the_ledger() -> None:
    told = recorder()
    forged = [fhir_request(headers=(("deviceid", str(each)),)) for each in range(1_100)]
    assert len({told.attribution_of(each).caller for each in forged}) == 1_001
    assert told.attribution_of(fhir_request(headers=(("deviceid", "0"),))).caller != OVERFLOW_NAME
    told = recorder()
    sites = [fhir_request(site=Site(str(each), SITE.zone, str(each))) for each in range(5_100)]
    subjects = [told.attribution_of(each) for each in sites]
    assert len({each.site for each in subjects}) == 5_001
    assert subjects[-1].name == OVERFLOW_NAME


def test_batch_work_beyond_the_cap_is_refused_until_midnight() -> None:
    told = recorder(None, DailyCap(queries=1, rejects_batch=True))
    subject = told.attribution_of(fhir_request(headers=(("priority", "u=7"),)))
    told.require_within_cap(subject)
    with capture_logs():
        told.count_requests(subject, CostClass.BILLED)
    with pytest.raises(Failure) as refused:
        told.require_within_cap(subject)
    assert refused.value.retry_after == 12 * 3_600
    told.require_within_cap(subject._replace(is_batch=False))


def test_several_of_one_size_may_be_counted_at_once() -> None:
    books = Told()
    told = recorder(books)
    told.count_requests(told.attribution_of(fhir_request()), CostClass.HIT, 20, queries=3)
    assert (books.costs, books.octets) == ([CostClass.HIT] * 3, [20] * 3)
    assert [(octets, queries) for *_, octets, queries in books.exchanges] == [(60, 3)]


def test_a_day_ends_at_the_sites_midnight_though_the_line_is_kept() -> None:
    books, hours = Told(), iter((12, 13, 14, 15))
    told = Recorder(
        books, DailyUsage(lambda _: None), books, now=lambda: NOW.replace(hour=next(hours), minute=0)
    )
    subject = told.attribution_of(fhir_request())
    for _ in range(4):
        told.count_requests(subject, CostClass.HIT)
    assert [line.day for line, _ in books.lines] == ["2026-07-01"] * 2 + ["2026-07-02"] * 2


def test_lines_that_are_made_ahead_stay_bounded_and_exact() -> None:
    books = Told()
    told = recorder(books)
    subject = told.attribution_of(fhir_request())
    for number in range(20_010):
        told.count_requests(subject._replace(caller=f"{number:08x}"), CostClass.HIT)
    assert len(set(books.lines)) == 20_010


def test_a_site_that_is_configured_keeps_its_name_among_any_number_of_forged_ones() -> None:
    told = recorder(known=ConfiguredNames({}, {GUID}))
    for each in range(5_100):
        told.attribution_of(fhir_request(site=Site(str(each), SITE.zone, str(each))))
    assert told.attribution_of(fhir_request()).site == GUID


def test_a_refusal_is_free_and_a_failure_and_brings_up_no_new_site() -> None:
    books = Told()
    told = recorder(books, known=ConfiguredNames({}, {GUID}))
    for site in (SITE, Site("forged", SITE.zone, "forged"), None):
        told.record_rejection(site, KEY, NOT_FHIR, "guid-malformed")
    lines = [LedgerKey("2026-07-01", each, DIGITS, "", "other", CostClass.FREE) for each in (GUID, "", "")]
    assert [line for line, _ in books.lines] == lines
    assert books.codes == ["guid-malformed"] * 3


def test_what_has_not_ended_when_the_process_does_may_have_been_billed_and_is_counted_once() -> None:
    books = Told()
    told = recorder(books)
    subject = told.attribution_of(fhir_request())
    ended, running = (told.begin_request(subject, CostClass.MAYBE_BILLED) for _ in range(2))
    told.end_request(ended, CostClass.BILLED, 20, 0.5)
    told.count_unfinished()
    told.end_request(running, CostClass.BILLED, 20, 0.5)
    told.count_unfinished()
    assert (books.costs, books.octets) == ([CostClass.BILLED, CostClass.MAYBE_BILLED], [20, 0])
