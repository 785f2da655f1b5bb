import msgspec
import pytest
from emulator.halo_client import HaloClient

from gateway.emulator.parsing import parse_resource
from gateway.emulator.search.refusal import Refusal

PATIENT = {"resourceType": "Patient", "name": [{"family": "Quokka"}]}


def refusal(body: bytes) -> Refusal:
    with pytest.raises(Refusal) as excinfo:
        parse_resource("Patient", body)
    return excinfo.value


def test_valid_body_returns_resource() -> None:
    assert parse_resource("Patient", msgspec.json.encode(PATIENT)) == PATIENT


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"Patient"',
        b'{"resourceType":"Slot"}',
        b'{"resourceType":"Patient","id":"\xe9"}',
        b"[" * 10_000,
    ],
)
def test_body_without_patient_is_refused(body: bytes) -> None:
    assert (refusal(body).status, refusal(body).source) == (400, "engine")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"gender": "femail"}, "(at Patient.gender)"),
        ({"contact": [{}, {"gender": True}]}, "(at Patient.contact[0])"),
        ({"nmae": []}, "Encountered unknown element 'nmae' at location 'Patient.nmae[0]' while parsing"),
    ],
)
def test_refusal_names_first_invalid_element(change: dict[str, object], words: str) -> None:
    text = refusal(msgspec.json.encode(PATIENT | change)).text
    assert text.startswith("Type checking the data: ")
    assert text.endswith(words)


@pytest.mark.parametrize(("method", "path"), [("POST", "Patient"), ("PUT", "Patient/2")])
def test_invalid_write_gets_400_and_changes_nothing(halo: HaloClient, method: str, path: str) -> None:
    before = halo.truth("Patient")
    response = halo.send(path, method=method, json=PATIENT | {"id": "2", "birthDate": "1980-02-30"})
    assert response.status_code == 400
    assert "Patient.birthDate" in response.text
    assert halo.truth("Patient") == before
