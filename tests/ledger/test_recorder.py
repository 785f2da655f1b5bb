"""Recorder."""

import pytest
from structlog.testing import capture_logs
from support.ledger import RecordingSink, ledger_names
from support.requests import GUID, NOW, SITE, fhir_request

from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest, Site
from gateway.fhir.interaction import NOT_FHIR
from gateway.http.callers import ledger_label
from gateway.ledger.caps import DailyCap
from gateway.ledger.cost import CostClass, LedgerKey
from gateway.ledger.daily_usage import DailyUsage
from gateway.ledger.names import CallerConfig, LedgerNames
from gateway.ledger.recorder import Recorder

KEY = (("ocp-apim-subscription-key", "Zzyzx-key"),)
DIGITS = ledger_label(KEY)


def create_recorder(
    sink: RecordingSink | None = None,
    cap: DailyCap | None = None,
    names: LedgerNames | None = None,
) -> Recorder:
    sink = sink or RecordingSink()
    return Recorder(
        sink,
        DailyUsage(lambda _: cap),
        sink,
        names or ledger_names(),
        site_of={GUID: SITE}.get,
        now=lambda: NOW,
    )


def passthrough_request(path: str) -> FhirRequest:
    return FhirRequest(
        "POST", NOT_FHIR, path, "https://gw.example", "https://api.haloconnect.io", headers=KEY
    )


def request_at_site(number: int) -> FhirRequest:
    return fhir_request(site=Site(str(number), SITE.zone, str(number)))


def test_request_is_counted_under_its_full_key() -> None:
    sink = RecordingSink()
    recorder = create_recorder(sink)
    request = fhir_request("Patient", "family=Zzyzx", headers=KEY)
    recorder.count_requests(recorder.attribution_of(request), CostClass.BILLED, 42, 0.5)
    key = LedgerKey("2026-07-01", GUID, "unproved", "Patient", "search-type", CostClass.BILLED)
    assert sink.lines == [(key, 42)]
    assert sink.seconds == [0.5]
    assert "Zzyzx" not in str(sink)


def test_configured_caller_has_its_alias() -> None:
    recorder = create_recorder(names=ledger_names({DIGITS: CallerConfig("kiosk", is_batch=True)}))
    attribution = recorder.attribution_of(fhir_request(headers=KEY))
    assert (attribution.caller, attribution.is_batch) == ("kiosk", True)
    assert recorder.attribution_of(fhir_request()).caller == ""


def test_background_request_is_batch_work() -> None:
    request = fhir_request(headers=(*KEY, ("priority", "u=7")))
    assert create_recorder().attribution_of(request).is_batch
    assert not create_recorder().attribution_of(fhir_request(headers=KEY)).is_batch


@pytest.mark.parametrize("guid", [GUID, GUID.upper()])
def test_passthrough_request_is_counted_at_its_site(guid: str) -> None:
    attribution = create_recorder().attribution_of(
        passthrough_request(f"integrator/sites/{guid}/queries/immediate")
    )
    assert (attribution.site, attribution.name, attribution.type, attribution.interaction) == (
        GUID,
        "harbour",
        "",
        "other",
    )


def test_request_without_site_is_counted_without_site() -> None:
    assert create_recorder().attribution_of(passthrough_request("integrator/token")).site == ""
    assert create_recorder().attribution_of(passthrough_request("api/Tickets/sites/1")).site == ""


def test_unproved_callers_and_sites_share_one_name() -> None:
    recorder = create_recorder()
    requests = [fhir_request(headers=(("deviceid", str(number)),)) for number in range(1_100)]
    assert {recorder.attribution_of(request).caller for request in requests} == {"unproved"}
    attributions = [recorder.attribution_of(request_at_site(number)) for number in range(5_100)]
    assert {attribution.name for attribution in attributions} == {"unproved"}
    assert {attribution.ledger_key(CostClass.BILLED, NOW).site for attribution in attributions} == {
        "unproved"
    }
    assert len({attribution.site for attribution in attributions}) == 5_100


def test_success_gives_caller_and_site_their_names() -> None:
    recorder = create_recorder()
    request = request_at_site(7).replace(headers=KEY)
    recorder.record_success(request)
    attribution = recorder.attribution_of(request)
    assert (attribution.caller, attribution.site, attribution.name) == (DIGITS, "7", "7")
    assert attribution.ledger_key(CostClass.BILLED, NOW).site == "7"


def test_batch_work_beyond_the_cap_is_rejected_until_midnight() -> None:
    recorder = create_recorder(None, DailyCap(queries=1, rejects_batch=True))
    attribution = recorder.attribution_of(fhir_request(headers=(("priority", "u=7"),)))
    recorder.require_within_cap(attribution)
    with capture_logs():
        recorder.count_requests(attribution, CostClass.BILLED)
    with pytest.raises(Failure) as raised:
        recorder.require_within_cap(attribution)
    assert raised.value.retry_after == 12 * 3_600
    recorder.require_within_cap(attribution._replace(is_batch=False))


def test_several_requests_are_counted_at_once() -> None:
    sink = RecordingSink()
    recorder = create_recorder(sink)
    recorder.count_requests(recorder.attribution_of(fhir_request()), CostClass.HIT, 20, queries=3)
    assert (sink.costs, sink.octets) == ([CostClass.HIT] * 3, [20] * 3)
    assert [(octets, queries) for *_, octets, queries in sink.requests] == [(60, 3)]


def test_stored_ledger_key_expires_at_midnight_of_the_site() -> None:
    sink, hours = RecordingSink(), iter((12, 13, 14, 15))
    recorder = Recorder(
        sink,
        DailyUsage(lambda _: None),
        sink,
        ledger_names(),
        now=lambda: NOW.replace(hour=next(hours), minute=0),
    )
    attribution = recorder.attribution_of(fhir_request())
    for _ in range(4):
        recorder.count_requests(attribution, CostClass.HIT)
    assert [key.day for key, _ in sink.lines] == ["2026-07-01"] * 2 + ["2026-07-02"] * 2


def test_clock_that_was_ahead_counts_under_the_right_day() -> None:
    sink, days = RecordingSink(), iter((1, 2, 1, 30, 1))
    recorder = Recorder(
        sink, DailyUsage(lambda _: None), sink, ledger_names(), now=lambda: NOW.replace(day=next(days))
    )
    attribution = recorder.attribution_of(fhir_request())
    for _ in range(5):
        recorder.count_requests(attribution, CostClass.BILLED)
    assert [int(key.day[-2:]) for key, _ in sink.lines] == [1, 2, 1, 30, 1]


def test_limited_number_of_stored_keys_counts_exactly() -> None:
    sink = RecordingSink()
    recorder = create_recorder(sink)
    attribution = recorder.attribution_of(fhir_request())
    for number in range(20_010):
        recorder.count_requests(attribution._replace(caller=f"{number:08x}"), CostClass.HIT)
    assert len(set(sink.lines)) == 20_010


def test_rejection_is_counted_free_and_adds_no_site() -> None:
    sink = RecordingSink()
    recorder = create_recorder(sink)
    for site in (SITE, Site("forged", SITE.zone, "forged"), None):
        recorder.record_rejection(site, KEY, NOT_FHIR, catalog.GUID_MALFORMED, "")
    sites = (GUID, "unproved", "")
    keys = [LedgerKey("2026-07-01", site, "unproved", "", "other", CostClass.FREE) for site in sites]
    assert [key for key, _ in sink.lines] == keys
    assert sink.codes == [catalog.GUID_MALFORMED.code] * 3
    now = NOW.timestamp()
    counts = [recorder.history.intervals(site, now)[-1].failures for site in (GUID, "forged", "")]
    assert counts == [1, 0, 3]


def test_unfinished_request_is_counted_once_as_maybe_billed() -> None:
    sink = RecordingSink()
    recorder = create_recorder(sink)
    attribution = recorder.attribution_of(fhir_request())
    ended, running = (recorder.begin_request(attribution, CostClass.MAYBE_BILLED) for _ in range(2))
    recorder.end_request(ended, attribution, CostClass.BILLED, 20, 0.5)
    recorder.count_unfinished()
    recorder.end_request(running, attribution, CostClass.BILLED, 20, 0.5)
    recorder.count_unfinished()
    assert (sink.costs, sink.octets) == ([CostClass.BILLED, CostClass.MAYBE_BILLED], [20, 0])


def test_rejected_request_is_of_the_unread_app() -> None:
    sink = RecordingSink()
    recorder = Recorder(
        sink, DailyUsage(lambda _: None), sink, ledger_names(), now=lambda: NOW, unread_app="other"
    )
    recorder.record_rejection(SITE, KEY, NOT_FHIR, catalog.UNKNOWN_PATH, "")
    recorder.record_rejection(SITE, KEY, NOT_FHIR, catalog.BATCH_INVALID, "", "board")
    assert [key.app for key, _ in sink.lines] == ["other", "board"]


def test_billable_and_saved_queries_are_in_the_history() -> None:
    recorder = create_recorder()
    attribution = recorder.attribution_of(fhir_request())
    for cost in CostClass:
        recorder.count_requests(attribution, cost, queries=3)
    last = recorder.history.intervals(GUID, NOW.timestamp())[-1]
    assert (last.queries, last.saved, last.failures) == (6, 12, 0)


def test_failure_is_kept_with_site_and_request_id() -> None:
    recorder = create_recorder()
    recorder.record_failure(recorder.attribution_of(fhir_request()), catalog.BAD_REQUEST, "id-1")
    (failure,) = recorder.recent_failures.latest_first()
    assert (failure.kind, failure.count, failure.site) == (catalog.BAD_REQUEST, 1, SITE.name)
    assert (failure.at, failure.request_id) == (NOW.timestamp(), "id-1")
