"""CapabilityStatement of the gateway, over real sockets."""

import pytest
from conftest import Pair
from fhir.resources.R4B.capabilitystatement import CapabilityStatement

from gateway.emulator.sites import PERTH, SYDNEY
from gateway.repairs import REPAIRS


@pytest.mark.parametrize("guid", [SYDNEY, PERTH])
@pytest.mark.parametrize("broken", [True, False])
def test_statement_is_valid_and_combines_gateway_and_site(pair: Pair, guid: str, broken: bool) -> None:
    pair.settings(faults={"capability-statement": broken})
    statement = pair.get("metadata", guid).json()
    upstream_statement = pair.straight("metadata", guid).json()
    CapabilityStatement.model_validate(statement)
    assert statement["version"] == upstream_statement["version"]
    assert statement["implementation"]["url"] == pair.base(guid)
    assert upstream_statement["version"] in statement["implementation"]["description"]
    assert [resource["type"] for resource in statement["rest"][0]["resource"]] == [
        resource["type"] for resource in upstream_statement["rest"][0]["resource"]
    ]
    assert all(repair.issue.id in statement["rest"][0]["documentation"] for repair in REPAIRS)


def test_statement_names_the_time_zone_of_the_site(pair: Pair) -> None:
    assert "Australia/Sydney" in pair.get("metadata").text
    assert "Australia/Perth" in pair.get("metadata", PERTH).text


def test_every_type_with_search_can_be_searched(pair: Pair) -> None:
    for resource in pair.get("metadata").json()["rest"][0]["resource"]:
        codes = {interaction["code"] for interaction in resource["interaction"]}
        if "search-type" in codes:
            assert pair.get(f"{resource['type']}?_count=1").status_code == 200


@pytest.mark.parametrize(
    ("guid", "promised"), [(SYDNEY, {"read", "search-type", "update"}), (PERTH, {"read", "search-type"})]
)
def test_only_what_the_engine_can_do_is_promised(pair: Pair, guid: str, promised: set[str]) -> None:
    (patient,) = (
        resource
        for resource in pair.get("metadata", guid).json()["rest"][0]["resource"]
        if resource["type"] == "Patient"
    )
    assert {interaction["code"] for interaction in patient["interaction"]} == promised
    assert patient.get("searchRevInclude", []) == (["Condition:patient"] if "update" in promised else [])
