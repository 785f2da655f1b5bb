import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from gateway.fhir.raw_json import UnreadableError
from gateway.fhir.server_urls import is_server_url_field, rewrite_server_urls

UP, OURS = "http://up/fhir", "https://gw/fhir"


def ours(url: str, refers: bool) -> str:
    del refers
    return OURS + url[len(UP) :] if url.startswith(UP) else url


def changed(value: object, name: str = "resource") -> object:
    raw = Raw(json.dumps(value).encode())
    return json.loads(bytes(rewrite_server_urls(raw, (b"up",), ours, name)))


MOVED = [
    {"subject": {"reference": f"{UP}/Patient/1"}},
    {"contained": [{"actor": [{"reference": f"{UP}/Patient/1"}]}]},
    {"extension": [{"url": "http://e", "valueReference": {"reference": f"{UP}/Patient/1/_history/2"}}]},
    {"resourceType": "Parameters", "parameter": [{"valueReference": {"reference": f"{UP}/Patient/1"}}]},
    {"identifier": [{"assigner": {"reference": f"{UP}/Organization/1"}}]},
    {"content": [{"attachment": {"url": f"{UP}/Binary/1"}}]},
    {"photo": [{"url": f"{UP}/Binary/1"}]},
    {"presentedForm": [{"url": f"{UP}/Binary/1"}]},
    {"payload": [{"contentAttachment": {"url": f"{UP}/Binary/1"}}]},
    {
        "resourceType": "Bundle",
        "entry": [{"fullUrl": f"{UP}/Patient/1", "response": {"location": f"{UP}/Patient/1"}}],
    },
    {
        "resourceType": "Bundle",
        "link": [{"url": f"{UP}/Patient"}],
        "entry": [{"request": {"url": f"{UP}/Patient"}}],
    },
]
KEPT = [
    {"identifier": [{"system": f"{UP}/sid", "value": f"{UP}/Patient/1"}]},
    {"code": {"coding": [{"system": f"{UP}/CodeSystem/1"}]}},
    {"extension": [{"url": f"{UP}/StructureDefinition/1", "valueUri": f"{UP}/Patient/1"}]},
    {"url": f"{UP}/ValueSet/1", "instantiatesCanonical": [f"{UP}/PlanDefinition/1"]},
    {"meta": {"source": f"{UP}/x", "profile": [f"{UP}/StructureDefinition/1"]}},
    {"resourceType": "Endpoint", "address": f"{UP}/Patient"},
    {"subject": {"reference": "http://upper.example/Patient/1"}},
    {"subject": {"reference": "Patient/up", "display": f'see "reference": "{UP}/Patient/1"'}},
    {"text": {"div": f'<a href=\'{UP}\'>"reference" : "{UP}/Patient/1"</a>'}},
    {"note": [f"{UP}/Patient/1", 'reference":"up']},
    {"reference": [f"{UP}/Patient/1"]},
    {"resourceType": "Bundle", "signature": {}, "entry": [{"fullUrl": f"{UP}/Patient/1"}]},
]


@pytest.mark.parametrize("value", MOVED)
def test_a_servers_own_url_is_changed_wherever_fhir_puts_one(value: object) -> None:
    assert changed(value) == json.loads(json.dumps(value).replace(UP, OURS))


@pytest.mark.parametrize("value", KEPT)
@pytest.mark.parametrize("beside", [None, {"photo": {"url": "http://up/fhir/Binary/1"}}])
def test_no_other_url_is_touched(value: dict[str, object], beside: dict[str, object] | None) -> None:
    raw = Raw(json.dumps(value).encode())
    assert rewrite_server_urls(raw, (b"up",), ours) is raw
    assert json.loads(json.dumps(changed({"x": value, **(beside or {})})))["x"] == value  # type: ignore[index]


def test_a_rewritten_resource_keeps_numbers_order_unknown_fields_and_repeated_names() -> None:
    body = b'{"z":1.50,"x":1e999,"n":[-0.0],"r":{"reference" : "http:\\/\\/up\\/fhir\\/P\\/1","a":1,"a":2}}'
    new = bytes(rewrite_server_urls(Raw(body), (b"up",), ours))
    assert new == body.replace(b"http:\\/\\/up\\/fhir\\/P\\/1", b"https://gw/fhir/P/1")


def test_numbers_survive_where_the_resource_must_be_decoded() -> None:
    body = b'{"z":1.50,"x":1e999,"photo":[{"size":10000000000000000000000,"url":"http://up/fhir/Binary/1"}],"n":0.10}'
    new = bytes(rewrite_server_urls(Raw(body), (b"up",), ours))
    assert new == body.replace(b"http://up", b"https://gw")


def test_a_hundred_levels_are_walked_and_too_many_are_refused() -> None:
    def nested(levels: int) -> Raw:
        return Raw(b'{"a":' * levels + b'{"photo":{"url":"http://up/fhir/Binary/1"}}' + b"}" * levels)

    assert b"https://gw/fhir/Binary/1" in bytes(rewrite_server_urls(nested(100), (b"up",), ours))
    with pytest.raises(UnreadableError):
        rewrite_server_urls(nested(5000), (b"up",), ours)


@pytest.mark.parametrize(
    ("parent", "name", "expected"),
    [
        ("", "url", False),
        ("link", "url", True),
        ("valueAttachment", "url", True),
        ("extension", "url", False),
    ],
)
def test_a_field_is_known_by_its_name_and_its_object(parent: str, name: str, expected: bool) -> None:
    assert is_server_url_field(parent, name) is expected


TEXT = st.text(alphabet='up"\\/:{}[], é', max_size=12)
VALUE = st.recursive(
    TEXT | st.just(f"{UP}/Patient/1") | st.integers() | st.none(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["reference", "fullUrl", "photo", "url", "extension", "system"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(VALUE, st.sampled_from([None, 1]))
def test_byte_for_byte_it_does_what_walking_decoded_data_does(value: object, indent: int | None) -> None:
    def walked(each: object, parent: str = "resource") -> object:
        if isinstance(each, list):
            return [walked(one, parent) for one in each]
        if not isinstance(each, dict):
            return each
        return {
            name: ours(one, True)
            if isinstance(one, str) and is_server_url_field(parent, name)
            else walked(one, name)
            for name, one in each.items()
        }

    raw = Raw(json.dumps(value, indent=indent).encode())
    assert json.loads(bytes(rewrite_server_urls(raw, (b"up",), ours, "resource"))) == walked(value)
