"""Names of callers and sites in the ledger."""

from support.requests import GUID, SITE, fhir_request

from gateway.exchange import Headers
from gateway.http.callers import ledger_label
from gateway.http.proved_callers import ProvedCallers, caller_at_upstream
from gateway.ledger.names import CallerConfig, ConfiguredNames, LedgerNames

KEY: Headers = (("ocp-apim-subscription-key", "demo-key"),)
CALLER = caller_at_upstream("https://api.haloconnect.io", KEY)
REQUEST = fhir_request(headers=KEY)


def create_names(configured_names: ConfiguredNames | None = None, *ledger_lines: str) -> LedgerNames:
    proved = ProvedCallers(lambda: 0.0)
    return LedgerNames(proved, configured_names or ConfiguredNames({}), set(ledger_lines).__contains__)


def test_caller_and_site_have_a_name_after_a_success() -> None:
    names = create_names()
    assert names.caller(KEY, CALLER).name == "unproved"
    assert not names.has_name(GUID)
    names.record_success(REQUEST, SITE)
    assert names.caller(KEY, CALLER).name == ledger_label(KEY)
    assert names.has_name(GUID)


def test_capability_statement_proves_neither_caller_nor_site() -> None:
    names = create_names()
    names.record_success(fhir_request("metadata", headers=KEY), SITE)
    assert names.caller(KEY, CALLER).name == "unproved"
    assert not names.has_name(GUID)


def test_success_at_another_upstream_gives_no_name() -> None:
    names = create_names()
    names.record_success(REQUEST, SITE)
    assert names.caller(KEY, caller_at_upstream("https://fhir.example", KEY)).name == "unproved"


def test_configured_caller_and_site_need_no_success() -> None:
    kiosk = CallerConfig("kiosk", is_batch=True)
    names = create_names(ConfiguredNames({ledger_label(KEY): kiosk}, {GUID}))
    assert names.caller(KEY, CALLER) == kiosk
    assert names.has_name(GUID)


def test_site_with_a_line_of_another_replica_has_a_name() -> None:
    assert create_names(None, GUID).has_name(GUID)


def test_request_without_credential_has_no_name() -> None:
    assert create_names().caller((("accept", "*/*"),), "") == CallerConfig("")
