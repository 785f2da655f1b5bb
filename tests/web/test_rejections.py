"""Reports of rejected requests."""

import json

from starlette.requests import Request
from support.asgi import FHIR, GUID, KEY, asgi_request
from support.ledger import RecordingSink
from support.requests import NOW, SITE, fhir_request

from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.exchange import Headers, Site
from gateway.fhir.resource_types import RESOURCE_TYPES, STU3_RESOURCE_TYPES
from gateway.http.proved_callers import ProvedCallers, caller_at_upstream
from gateway.ledger.cost import CostClass, LedgerKey
from gateway.ledger.daily_usage import DailyUsage
from gateway.ledger.names import ConfiguredNames, LedgerNames
from gateway.ledger.recorder import Recorder
from gateway.telemetry.access_log import Answer
from gateway.web.rejections import EntryRejection, RejectionReport
from gateway.web.unread_requests import UnreadRequests

ANSWER = Answer("r-1", 401, catalog.CREDENTIALS_MISSING, 9, 0.5)
UPSTREAM = "https://api.haloconnect.io"
PROVED: tuple[Headers, ...] = (
    tuple(KEY.items()),
    (("ocp-apim-subscription-key", "k1"),),
    (("deviceid", "d-1"), ("authorization", "Bearer t")),
)


def proved_names() -> LedgerNames:
    """Names of the synthetic site and of three callers that the upstream has accepted."""
    proved_callers = ProvedCallers(lambda: 0.0)
    for headers in PROVED:
        proved_callers.record_success(caller_at_upstream(UPSTREAM, headers))
    return LedgerNames(proved_callers, ConfiguredNames({}, {GUID}))


def recorder_of(recorded: RecordingSink) -> Recorder:
    return Recorder(recorded, DailyUsage(lambda _: None), recorded, proved_names(), now=lambda: NOW)


def ledger_key_of(request: Request, *, site: Site | None = None, fhir: bool = True) -> LedgerKey:
    """The ledger key under which a rejection is counted."""
    recorded = RecordingSink()
    recorder = recorder_of(recorded)
    report = RejectionReport(
        UnreadRequests(recorder=recorder), {GUID: SITE}.get, site, fhir, upstream_url=UPSTREAM
    )
    report(request, ANSWER)
    ((key, octets),) = recorded.lines
    assert (octets, recorded.codes) == (0, [catalog.CREDENTIALS_MISSING.code])
    return key


def site_request(
    path: str, method: str = "GET", site: str = GUID, headers: dict[str, str] | None = None
) -> Request:
    request = asgi_request(f"{FHIR}/{path}", headers, method=method)
    request.scope["path_params"] = {"siteId": site, "path": path}
    return request


def test_rejected_sql_query_is_counted_by_its_action() -> None:
    request = asgi_request(f"/desktop/sites/{GUID}/queries/async", KEY, method="POST")
    request.scope["path_params"] = {"siteId": GUID, "query": "async"}
    key = ledger_key_of(request, fhir=False)
    assert (key.site, key.interaction, key.cost) == (GUID, "sql-async", CostClass.FREE)


def test_rejection_is_counted_by_the_path() -> None:
    key = ledger_key_of(site_request("Patient/"))
    assert key == LedgerKey("2026-07-01", GUID, "", "Patient", "search-type", CostClass.FREE)
    assert ledger_key_of(site_request("Patient/1", "DELETE", GUID.upper()))[1:5] == (
        GUID,
        "",
        "Patient",
        "delete",
    )


def test_rejection_of_stu3_is_counted_by_its_own_types() -> None:
    recorded = RecordingSink()
    recorder = recorder_of(recorded)
    for types in (STU3_RESOURCE_TYPES, RESOURCE_TYPES):
        report = RejectionReport(UnreadRequests(recorder=recorder), {GUID: SITE}.get, types=types)
        report(site_request("ProcedureRequest/1"), ANSWER)
    assert [key[3:5] for key, _ in recorded.lines] == [("ProcedureRequest", "read"), ("", "other")]


def test_unknown_interaction_or_site_is_counted_as_such() -> None:
    assert ledger_key_of(site_request("Nonsense"))[1:5] == (GUID, "", "", "other")
    assert ledger_key_of(site_request("Patient/1", site="nonsense"))[1:5] == ("", "", "Patient", "read")


def test_ledger_key_has_a_caller_label() -> None:
    key = ledger_key_of(site_request("Patient/1", headers=KEY))
    assert len(key.caller) == 8
    assert KEY["ocp-apim-subscription-key"] not in key


def test_rejected_caller_without_proof_is_unproved() -> None:
    headers = {"ocp-apim-subscription-key": "made-up"}
    assert ledger_key_of(site_request("Patient/1", headers=headers)).caller == "unproved"


def test_path_without_site_is_counted_for_default_site() -> None:
    request = asgi_request("/fhir/R4/Patient")
    request.scope["path_params"] = {"path": "Patient"}
    assert ledger_key_of(request, site=SITE).site == GUID
    assert ledger_key_of(request).site == ""


def test_passthrough_rejection_has_no_fhir_interaction() -> None:
    assert ledger_key_of(site_request("Patient"), fhir=False)[3:5] == ("", "other")


def caller_of(*fields: tuple[str, str]) -> str:
    """The caller to whom a rejected request with these further header fields is attributed."""
    request = site_request("Patient/1")
    encoded = [(name.encode(), value.encode()) for name, value in fields]
    scope = {**request.scope, "headers": [*request.scope["headers"], *encoded]}
    return ledger_key_of(Request(scope)).caller


def test_stray_credential_field_does_not_change_the_caller() -> None:
    key, device, token = (next(iter(KEY)), "k1"), ("deviceid", "d-1"), ("authorization", "Bearer t")
    assert caller_of(key, device) == caller_of(key, device, token) == caller_of(key)
    assert len({caller_of(key), caller_of(device, token), ""}) == 3
    assert caller_of(device) == caller_of(token) == ""


def test_request_with_two_keys_has_no_caller() -> None:
    name, desktop = next(iter(KEY)), (("deviceid", "d-1"), ("authorization", "Bearer t"))
    assert caller_of((name, "k1"), (name, "k2")) == caller_of((name, "k1"), (name, "k2"), *desktop) == ""


def test_rejected_entry_of_a_batch_is_counted_and_answered() -> None:
    recorded = RecordingSink()
    request = fhir_request("Patient/1", headers=tuple(KEY.items()))
    response = EntryRejection(recorder_of(recorded))(request, Failure(catalog.BATCH_CHANGE_HELD))
    ((key, _),) = recorded.lines
    assert key[1:2] + key[3:] == (GUID, "Patient", "read", CostClass.FREE, "")
    assert recorded.codes == ["batch-change-held"]
    assert (response.status, json.loads(response.body)["resourceType"]) == (503, "OperationOutcome")
