import pytest
from support.requests import GUID, LABS, fhir_request, json_response

from gateway.exchange import FhirResponse
from gateway.fhir.interaction import NOT_FHIR
from gateway.sites.engine_version import EngineInfo, normalise_version, versions_in_response

OLD, NEW = "26.619.10213", "26.701.1"


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("26.0619.10213", OLD),
        ("26.619.10213.0", OLD),
        ("24.527.2795.7", "24.527.2795.7"),
        ("25.1.0", "25.1.0"),
        ("25.1-beta", "25.1-beta"),
        ("", ""),
        ("two words", ""),
        ("9" * 80, ""),
    ],
)
def test_version_has_one_spelling(text: str, version: str) -> None:
    assert normalise_version(text) == version


def test_same_version_in_both_sources_is_one_engine() -> None:
    linked = EngineInfo().with_version("link", OLD)
    both = linked.with_version("statement", OLD)
    assert linked.version == both.version == OLD
    assert both.with_version("link", OLD) is both


def test_other_version_in_either_source_is_new_engine() -> None:
    both = EngineInfo(OLD, OLD)
    assert both.with_version("link", NEW).version == NEW
    assert both.with_version("statement", NEW).version == NEW


def test_different_versions_of_sources_keep_one_engine() -> None:
    engine = EngineInfo()
    for _ in range(3):
        engine = engine.with_version("link", "1.2").with_version("statement", "3.4")
        assert engine.version == "3.4"


def non_fhir(path: str) -> dict[str, object]:
    return {"path": path, "interaction": NOT_FHIR, "site": None}


def test_statement_site_and_site_list_contain_versions() -> None:
    statement = {"resourceType": "CapabilityStatement", "version": "26.619.10213.0"}
    site = {"id": GUID.upper(), "haloLinkVersion": "26.0619.10213"}
    assert versions_in_response(fhir_request("metadata"), json_response(statement)) == (
        "statement",
        {GUID: OLD},
    )
    single = fhir_request().replace(**non_fhir(f"integrator/sites/{GUID}"))
    assert versions_in_response(single, json_response(site)) == ("link", {GUID: OLD})
    listing = fhir_request().replace(**non_fhir("integrator/sites"))
    assert versions_in_response(listing, json_response({"sites": [site, {"id": "b"}]})) == (
        "link",
        {GUID: OLD},
    )


def test_version_of_a_mount_is_that_of_its_software() -> None:
    statement = {"resourceType": "CapabilityStatement", "version": "4.0.1"}
    request = fhir_request("metadata").replace(site=LABS)
    for software, versions in (({}, {}), ("odd", {}), ({"version": "8.2"}, {"labs": "8.2"})):
        response = json_response(statement | {"software": software})
        assert versions_in_response(request, response) == ("statement", versions)
    assert versions_in_response(request, json_response(statement)) == ("statement", {})


@pytest.mark.parametrize(
    ("path", "content", "status"),
    [
        ("metadata", {"resourceType": "CapabilityStatement"}, 200),
        ("metadata", {"resourceType": "OperationOutcome", "version": OLD}, 200),
        ("metadata", {"resourceType": "CapabilityStatement", "version": OLD}, 500),
        ("metadata", ["no statement"], 200),
        ("Patient/1", {"resourceType": "CapabilityStatement", "version": OLD}, 200),
    ],
)
def test_other_responses_contain_no_version(path: str, content: object, status: int) -> None:
    assert versions_in_response(fhir_request(path), json_response(content, status))[1] == {}


@pytest.mark.parametrize("path", ["integrator/token", f"integrator/sites/{GUID}/queries/immediate"])
def test_other_endpoints_contain_no_version(path: str) -> None:
    content = {"id": GUID, "haloLinkVersion": OLD}
    assert versions_in_response(fhir_request().replace(**non_fhir(path)), json_response(content))[1] == {}


UNREADABLE = [
    b"",
    b'{"resourceType":"CapabilityStatement","version":"26.619.10213","rest":[}',
    b'{"resourceType":"CapabilityStatement","version":"26.619.10213","rest":' + b"[" * 100_000,
    b'{"resourceType":"CapabilityStatement","version":"26.619.10213","name":"\xff"}',
    b'{"id":"1","haloLinkVersion":"26.619.10213","a":}',
    b'{"sites":[{"id":"1","haloLinkVersion":"26.619.10213"},}',
]


@pytest.mark.parametrize("body", UNREADABLE, ids=lambda body: body[:40])
def test_unreadable_response_contains_no_version(body: bytes) -> None:
    response = FhirResponse(200, body=body)
    site, listing = (non_fhir(f"integrator/sites{end}") for end in (f"/{GUID}", ""))
    for request in (
        fhir_request("metadata"),
        fhir_request().replace(**site),
        fhir_request().replace(**listing),
    ):
        assert versions_in_response(request, response)[1] == {}
