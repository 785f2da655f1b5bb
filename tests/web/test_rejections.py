from starlette.requests import Request
from support.asgi import FHIR, GUID, KEY, scoped
from support.ledger import Told
from support.requests import NOW, SITE

from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.exchange import Site
from gateway.ledger.cost import CostClass, LedgerKey
from gateway.ledger.daily_usage import DailyUsage
from gateway.ledger.recorder import ConfiguredNames, Recorder
from gateway.web.rejections import RejectionCounter


def told(request: Request, *, site: Site | None = None, fhir: bool = True) -> LedgerKey:
    """The line on which a refusal is counted."""
    books = Told()
    recorder = Recorder(
        books,
        DailyUsage(lambda _: None),
        books,
        configured_names=ConfiguredNames({}, {GUID}),
        now=lambda: NOW,
    )
    RejectionCounter(recorder, {GUID: SITE}.get, site, fhir)(request, Failure(catalog.CREDENTIALS_MISSING))
    ((line, octets),) = books.lines
    assert (octets, books.codes) == (0, [catalog.CREDENTIALS_MISSING.code])
    return line


def routed(
    path: str, method: str = "GET", site: str = GUID, headers: dict[str, str] | None = None
) -> Request:
    request = scoped(f"{FHIR}/{path}", headers, method=method)
    request.scope["path_params"] = {"siteId": site, "path": path}
    return request


def test_a_refusal_is_counted_where_the_path_points_to() -> None:
    line = told(routed("Patient/"))
    assert line == LedgerKey("2026-07-01", GUID, "", "Patient", "search-type", CostClass.FREE)
    assert told(routed("Patient/1", "DELETE", GUID.upper()))[1:5] == (GUID, "", "Patient", "delete")


def test_what_names_no_interaction_or_no_site_is_counted_without() -> None:
    assert told(routed("Nonsense"))[1:5] == (GUID, "", "", "other")
    assert told(routed("Patient/1", site="nonsense"))[1:5] == ("", "", "Patient", "read")


def test_the_caller_is_known_by_its_credentials_and_the_key_is_not() -> None:
    line = told(routed("Patient/1", headers=KEY))
    assert len(line.caller) == 8
    assert KEY["ocp-apim-subscription-key"] not in line


def test_a_path_without_a_site_belongs_to_the_one_that_is_mounted_there() -> None:
    request = scoped("/fhir/R4/Patient")
    request.scope["path_params"] = {"path": "Patient"}
    assert told(request, site=SITE).site == GUID
    assert told(request).site == ""


def test_halos_other_endpoints_have_no_interaction_of_fhir() -> None:
    assert told(routed("Patient"), fhir=False)[3:5] == ("", "other")
