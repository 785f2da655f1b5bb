from gateway.emulator.data.records import Record
from gateway.emulator.search.index import ParameterIndex
from gateway.emulator.search.parameters import PARAMETERS
from gateway.emulator.sites import SITES, SYDNEY

ZONE = SITES[SYDNEY].zone
FAMILY = PARAMETERS["Patient", "family"]


def patient(identity: str, family: str) -> Record:
    return Record({"resourceType": "Patient", "id": identity, "name": [{"family": family}]})


def test_values_are_extracted_once_per_record() -> None:
    index, old, new = ParameterIndex(), patient("1", "Old"), patient("1", "New")
    assert index.values(FAMILY, [old], ZONE) == {"1": ["Old"]}
    old.resource["name"][0]["family"] = "Changed in place"
    assert index.values(FAMILY, [old], ZONE) == {"1": ["Old"]}
    assert index.values(FAMILY, [new], ZONE) == {"1": ["New"]}


def test_values_contain_only_given_rows() -> None:
    index, rows = ParameterIndex(), [patient("1", "A"), patient("2", "B")]
    index.values(FAMILY, rows, ZONE)
    assert index.values(FAMILY, rows[1:], ZONE) == {"2": ["B"]}


def test_references_to_other_types_are_omitted() -> None:
    actors = [{"actor": {"reference": name}} for name in ("Patient/1", "Practitioner/2")]
    row = Record({"resourceType": "Appointment", "id": "1", "participant": actors})
    assert ParameterIndex().values(PARAMETERS["Appointment", "patient"], [row], ZONE) == {"1": ["Patient/1"]}
