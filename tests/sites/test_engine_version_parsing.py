import pytest
from support.requests import GUID, fhir_request, json_response

from gateway.fhir.interaction import NOT_FHIR
from gateway.sites.engine_version import EngineInfo, normalise_version, versions_in_response

OLD, NEW = "26.619.10213", "26.701.1"


@pytest.mark.parametrize(
    ("text", "said"),
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
def test_one_version_has_one_spelling(text: str, said: str) -> None:
    assert normalise_version(text) == said


def test_the_same_version_in_both_places_is_one_engine() -> None:
    linked = EngineInfo().with_version("link", OLD)
    both = linked.with_version("statement", OLD)
    assert linked.version == both.version == OLD
    assert both.with_version("link", OLD) is both


def test_what_changes_in_either_place_is_a_new_engine() -> None:
    both = EngineInfo(OLD, OLD)
    assert both.with_version("link", NEW).version == NEW
    assert both.with_version("statement", NEW).version == NEW


def test_places_that_never_agree_do_not_make_it_new_each_time() -> None:
    found = EngineInfo()
    for _ in range(3):
        found = found.with_version("link", "1.2").with_version("statement", "3.4")
        assert found.version == "3.4"


def other(path: str) -> dict[str, object]:
    return {"path": path, "interaction": NOT_FHIR, "site": None}


def test_a_statement_a_site_and_a_list_of_sites_show_versions() -> None:
    statement = {"resourceType": "CapabilityStatement", "version": "26.619.10213.0"}
    site = {"id": GUID.upper(), "haloLinkVersion": "26.0619.10213"}
    assert versions_in_response(fhir_request("metadata"), json_response(statement)) == (
        "statement",
        {GUID: OLD},
    )
    one = fhir_request().replace(**other(f"integrator/sites/{GUID}"))
    assert versions_in_response(one, json_response(site)) == ("link", {GUID: OLD})
    listed = fhir_request().replace(**other("integrator/sites"))
    assert versions_in_response(listed, json_response({"sites": [site, {"id": "b"}]})) == (
        "link",
        {GUID: OLD},
    )


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
def test_nothing_else_shows_one(path: str, content: object, status: int) -> None:
    assert versions_in_response(fhir_request(path), json_response(content, status))[1] == {}


@pytest.mark.parametrize("path", ["integrator/token", f"integrator/sites/{GUID}/queries/immediate"])
def test_no_other_endpoint_shows_one(path: str) -> None:
    content = {"id": GUID, "haloLinkVersion": OLD}
    assert versions_in_response(fhir_request().replace(**other(path)), json_response(content))[1] == {}
