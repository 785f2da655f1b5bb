"""openapi/gateway.yaml compared with the app."""

import re
from typing import Any

import pytest
import yaml
from conftest import ROOT, Pair
from openapi_spec_validator import validate
from pydantic import ValidationError
from starlette.routing import Route
from structlog.testing import capture_logs
from support.secrets import SECRET

from gateway.app import create_app
from gateway.errors.catalog import HOST_UNKNOWN, METHOD_NOT_ALLOWED
from gateway.http.headers import RESPONSE_HEADERS
from gateway.settings import MountedUpstream, Settings
from gateway.web.error_codes import all_kinds

DOCUMENT: dict[str, Any] = yaml.safe_load((ROOT / "openapi" / "gateway.yaml").read_text(encoding="utf-8"))
FHIR = "/integrator/sites/{siteId}/fhir/R4/{path}"


def routes() -> dict[str, set[str] | None]:
    """Paths of the app in OpenAPI form, and their methods if the app restricts them."""
    with capture_logs():
        secrets = {"admin": {"token": SECRET}, "webhooks": {"secrets": [SECRET]}}
        app = create_app(Settings.model_validate(secrets))
    app_routes = [route for route in app.routes if isinstance(route, Route)]
    assert len(app_routes) == len(app.routes)
    methods: dict[str, set[str] | None] = {}
    for route in app_routes:
        path = re.sub(r":path\}", "}", route.path)
        known = methods.get(path, set())
        methods[path] = None if known is None or route.methods is None else known | route.methods
    return methods


def test_document_is_valid() -> None:
    validate(DOCUMENT)


def test_document_lists_exactly_the_routes_of_the_app() -> None:
    assert set(DOCUMENT["paths"]) == set(routes())


def test_document_has_the_methods_of_the_app() -> None:
    for path, methods in routes().items():
        if methods is not None:
            documented = {name.upper() for name in DOCUMENT["paths"][path]} - {"PARAMETERS"}
            assert documented | ({"HEAD"} & methods) == methods, path


def test_upstream_cannot_use_a_path_of_the_gateway() -> None:
    own_prefixes = {path.split("/")[1] for path in routes()}
    assert {"docs", "fhir", "metrics"} <= own_prefixes
    for name in filter(str.isalpha, own_prefixes):
        with pytest.raises(ValidationError, match="the gateway itself serves this path"):
            MountedUpstream.model_validate(
                {"url": "https://a.example", "dialect": "halo-itsm", "path": f"/{name}"}
            )


def test_every_failure_status_is_documented() -> None:
    documented = set(DOCUMENT["paths"][FHIR]["get"]["responses"])
    assert {str(kind.status) for kind in all_kinds() if kind is not HOST_UNKNOWN} <= documented
    assert str(HOST_UNKNOWN.status) in DOCUMENT["paths"]["/admin/ledger"]["get"]["responses"]
    assert METHOD_NOT_ALLOWED in all_kinds()


@pytest.mark.parametrize("api", ["integrator", "desktop"])
def test_both_apis_and_the_default_site_have_the_same_methods(api: str) -> None:
    for rest in ("", "/{path}"):
        operations = DOCUMENT["paths"][f"/{api}/sites/{{siteId}}/fhir/R4{rest}"]
        assert set(operations) - {"parameters"} == set(DOCUMENT["paths"][f"/fhir/R4{rest}"]) - {"parameters"}


def test_gateway_headers_are_documented(pair: Pair) -> None:
    documented = {name.lower() for name in DOCUMENT["components"]["headers"]}
    pair.fault(kind="rate-limit", per_second=0, times=1)
    responses = [
        pair.get("Patient/1"),
        pair.get("Patient?_count=1"),
        pair.ask("DELETE", f"{pair.base()}/Patient"),
    ]
    sent = {name.lower() for response in responses for name in response.headers}
    standard_headers = {"content-type", "content-length", "date", "vary"}
    assert sent - standard_headers - set(RESPONSE_HEADERS) <= documented
    assert {"retry-after", "allow", "x-request-id", "x-intermediary", "gateway-repairs"} <= sent
