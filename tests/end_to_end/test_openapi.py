"""The document of what we promise, against the app that has to keep it."""

import re
from typing import Any

import pytest
import yaml
from conftest import ROOT, Pair
from openapi_spec_validator import validate
from pydantic import ValidationError
from starlette.routing import Route
from structlog.testing import capture_logs

from gateway.app import create_app
from gateway.errors.catalog import METHOD_NOT_ALLOWED
from gateway.http.headers import RESPONSE_HEADERS
from gateway.settings import Admin, MountedUpstream, Settings
from gateway.web.error_codes import all_kinds

DOCUMENT: dict[str, Any] = yaml.safe_load((ROOT / "openapi" / "gateway.yaml").read_text(encoding="utf-8"))
FHIR = "/integrator/sites/{siteId}/fhir/R4/{path}"


def routes() -> dict[str, set[str] | None]:
    """The app's paths, as OpenAPI writes them, and the methods where the app restricts them."""
    with capture_logs():
        app = create_app(Settings(admin=Admin.model_validate({"token": "synthetic-operator-token"})))
    found = [route for route in app.routes if isinstance(route, Route)]
    assert len(found) == len(app.routes)
    return {re.sub(r":path\}", "}", route.path): route.methods for route in found}


def test_the_document_is_valid() -> None:
    validate(DOCUMENT)


def test_it_lists_every_route_of_the_app_and_no_other() -> None:
    assert set(DOCUMENT["paths"]) == set(routes())


def test_where_the_app_restricts_methods_the_document_does_too() -> None:
    for path, methods in routes().items():
        if methods is not None:
            documented = {name.upper() for name in DOCUMENT["paths"][path]} - {"PARAMETERS"}
            assert documented | ({"HEAD"} & methods) == methods, path


def test_no_upstream_can_stand_over_a_path_of_ours() -> None:
    own = {path.split("/")[1] for path in routes()}
    assert {"docs", "fhir", "metrics"} <= own
    for name in filter(str.isalpha, own):
        with pytest.raises(ValidationError, match="the gateway itself serves this path"):
            MountedUpstream.model_validate(
                {"url": "https://a.example", "dialect": "halo-itsm", "path": f"/{name}"}
            )


def test_every_status_that_a_failure_can_have_is_documented() -> None:
    documented = set(DOCUMENT["paths"][FHIR]["get"]["responses"])
    assert {str(kind.status) for kind in all_kinds()} <= documented
    assert METHOD_NOT_ALLOWED in all_kinds()


@pytest.mark.parametrize("surface", ["integrator", "desktop"])
def test_both_surfaces_and_the_mounted_site_have_the_same_methods(surface: str) -> None:
    for rest in ("", "/{path}"):
        theirs = DOCUMENT["paths"][f"/{surface}/sites/{{siteId}}/fhir/R4{rest}"]
        assert set(theirs) - {"parameters"} == set(DOCUMENT["paths"][f"/fhir/R4{rest}"]) - {"parameters"}


def test_the_headers_of_ours_are_documented(pair: Pair) -> None:
    documented = {name.lower() for name in DOCUMENT["components"]["headers"]}
    pair.fault(kind="rate-limit", per_second=0, times=1)
    answers = [
        pair.get("Patient/1"),
        pair.get("Patient?_count=1"),
        pair.ask("DELETE", f"{pair.base()}/Patient"),
    ]
    sent = {name.lower() for answer in answers for name in answer.headers}
    ordinary = {"content-type", "content-length", "date", "vary"}
    assert sent - ordinary - set(RESPONSE_HEADERS) <= documented
    assert {"retry-after", "allow", "x-request-id", "x-intermediary", "gateway-repairs"} <= sent
