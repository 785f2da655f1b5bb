import msgspec
import pytest
from emulator.asking import Halo

from gateway.emulator.parsing import parse_resource
from gateway.emulator.search.refusal import Refusal

PATIENT = {"resourceType": "Patient", "name": [{"family": "Quokka"}]}


def refusal(body: bytes) -> Refusal:
    with pytest.raises(Refusal) as refused:
        parse_resource("Patient", body)
    return refused.value


def test_a_valid_body_is_the_resource() -> None:
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
def test_a_body_of_another_type_is_refused(body: bytes) -> None:
    assert (refusal(body).status, refusal(body).source) == (400, "engine")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"gender": "femail"}, "(at Patient.gender)"),
        ({"contact": [{}, {"gender": True}]}, "(at Patient.contact[0])"),
        ({"nmae": []}, "Encountered unknown element 'nmae' at location 'Patient.nmae[0]' while parsing"),
    ],
)
def test_the_first_wrong_element_is_named(more: dict[str, object], words: str) -> None:
    text = refusal(msgspec.json.encode(PATIENT | more)).text
    assert text.startswith("Type checking the data: ")
    assert text.endswith(words)


@pytest.mark.parametrize(("method", "path"), [("POST", "Patient"), ("PUT", "Patient/2")])
def test_an_invalid_write_changes_nothing_and_is_answered_400(halo: Halo, method: str, path: str) -> None:
    before = halo.truth("Patient")
    answer = halo.ask(path, method=method, json=PATIENT | {"id": "2", "birthDate": "1980-02-30"})
    assert answer.status_code == 400
    assert "Patient.birthDate" in answer.text
    assert halo.truth("Patient") == before
