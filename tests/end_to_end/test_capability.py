"""The statement a client reads is about the gateway, and valid."""

import pytest
from conftest import Pair
from fhir.resources.R4B.capabilitystatement import CapabilityStatement

from gateway.emulator.sites import PERTH, SYDNEY
from gateway.repairs import REPAIRS


@pytest.mark.parametrize("guid", [SYDNEY, PERTH])
@pytest.mark.parametrize("broken", [True, False])
def test_the_statement_is_valid_ours_and_the_sites(pair: Pair, guid: str, broken: bool) -> None:
    pair.settings(faults={"capability-statement": broken})
    statement = pair.get("metadata", guid).json()
    theirs = pair.straight("metadata", guid).json()
    CapabilityStatement.model_validate(statement)
    assert statement["version"] == theirs["version"]
    assert statement["implementation"]["url"] == pair.base(guid)
    assert theirs["version"] in statement["implementation"]["description"]
    assert [each["type"] for each in statement["rest"][0]["resource"]] == [
        each["type"] for each in theirs["rest"][0]["resource"]
    ]
    assert all(each.issue.id in statement["rest"][0]["documentation"] for each in REPAIRS)


def test_each_site_names_its_own_zone(pair: Pair) -> None:
    assert "Australia/Sydney" in pair.get("metadata").text
    assert "Australia/Perth" in pair.get("metadata", PERTH).text


def test_everything_listed_as_searchable_can_be_searched(pair: Pair) -> None:
    for each in pair.get("metadata").json()["rest"][0]["resource"]:
        codes = {interaction["code"] for interaction in each["interaction"]}
        if "search-type" in codes:
            assert pair.get(f"{each['type']}?_count=1").status_code == 200
