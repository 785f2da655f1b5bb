"""Server URLs in resources."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw
from support.cpu_time import least_cpu_seconds

from gateway.fhir.raw_json import UnreadableError
from gateway.fhir.server_urls import MOUNTED_FIELDS, is_server_url_field, rewrite_server_urls, url_needles

UP, GATEWAY = "http://up/fhir", "https://gw/fhir"


def to_gateway(url: str, field: str) -> str:
    del field
    return GATEWAY + url[len(UP) :] if url.startswith(UP) else url


def rewritten(value: object, name: str = "resource") -> object:
    raw = Raw(json.dumps(value).encode())
    return json.loads(bytes(rewrite_server_urls(raw, (b"up",), to_gateway, name)))


SERVER_URLS = [
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
OTHER_URLS = [
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


@pytest.mark.parametrize("value", SERVER_URLS)
def test_server_url_is_rewritten(value: object) -> None:
    assert rewritten(value) == json.loads(json.dumps(value).replace(UP, GATEWAY))


@pytest.mark.parametrize("value", OTHER_URLS)
@pytest.mark.parametrize("sibling", [None, {"photo": {"url": "http://up/fhir/Binary/1"}}])
def test_other_url_is_not_changed(value: dict[str, object], sibling: dict[str, object] | None) -> None:
    raw = Raw(json.dumps(value).encode())
    assert rewrite_server_urls(raw, (b"up",), to_gateway) is raw
    assert json.loads(json.dumps(rewritten({"x": value, **(sibling or {})})))["x"] == value  # type: ignore[index]


@pytest.mark.parametrize(
    "field",
    [
        rb'"\u0072eference":',
        rb'"\u0072\u0065ference" :',
        rb'"referenc\u0065":',
        b'"reference":' + b" " * 120,
        b'"reference"' + b"\n" * 5_000 + b":",
        rb'"photo":{"\u0075rl":',
    ],
)
def test_name_of_a_field_is_understood_in_every_spelling(field: bytes) -> None:
    body = b'{"a":1,%b"http://up/fhir/Patient/1"%b}' % (field, b"}" * field.count(b"{"))
    assert b"https://gw/fhir/Patient/1" in bytes(rewrite_server_urls(Raw(body), (b"up",), to_gateway))


def test_name_that_ends_like_a_url_field_is_another_name() -> None:
    body = Raw(rb'{"x\"reference":"http://up/fhir/P/1","t":"\"reference\":\"http://up/fhir/P/1\""}')
    assert rewrite_server_urls(body, (b"up",), to_gateway) is body


@pytest.mark.parametrize("text", [b'"/"', b'"/",{"reference":"http://up/fhir/P/1"}', b'"\\u0041"'])
def test_scan_of_many_strings_takes_little_time(text: bytes) -> None:
    body = b'{"p":[' + b",".join([text] * (64_000 // (len(text) + 1))) + b"]}"
    assert to_gateway_in_time(body, url_needles(body, "up")) < 0.01


def test_rewriting_keeps_other_bytes() -> None:
    body = b'{"z":1.50,"x":1e999,"n":[-0.0],"r":{"reference" : "http:\\/\\/up\\/fhir\\/P\\/1","a":1,"a":2}}'
    new = bytes(rewrite_server_urls(Raw(body), (b"up",), to_gateway))
    assert new == body.replace(b"http:\\/\\/up\\/fhir\\/P\\/1", b"https://gw/fhir/P/1")


def test_rewriting_by_decoding_keeps_numbers() -> None:
    body = b'{"z":1.50,"x":1e999,"photo":[{"size":10000000000000000000000,"url":"http://up/fhir/Binary/1"}],"n":0.10}'
    new = bytes(rewrite_server_urls(Raw(body), (b"up",), to_gateway))
    assert new == body.replace(b"http://up", b"https://gw")


@pytest.mark.parametrize("body", [b'{"reference":"http://up/', b'{"url":"http://up', b'{"reference":"up\\"'])
def test_json_that_ends_inside_a_string_is_rejected(body: bytes) -> None:
    with pytest.raises(UnreadableError):
        rewrite_server_urls(Raw(body), (b"up",), to_gateway)


def test_excessive_nesting_is_rejected() -> None:
    def nested(levels: int) -> Raw:
        return Raw(b'{"a":' * levels + b'{"photo":{"url":"http://up/fhir/Binary/1"}}' + b"}" * levels)

    assert b"https://gw/fhir/Binary/1" in bytes(rewrite_server_urls(nested(100), (b"up",), to_gateway))
    with pytest.raises(UnreadableError):
        rewrite_server_urls(nested(130), (b"up",), to_gateway)


@pytest.mark.parametrize(
    ("parent", "name", "expected"),
    [
        ("", "url", False),
        ("link", "url", True),
        ("valueAttachment", "url", True),
        ("extension", "url", False),
    ],
)
def test_server_url_field_depends_on_name_and_parent(parent: str, name: str, expected: bool) -> None:
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
def test_rewriting_equals_walk_over_decoded_data(value: object, indent: int | None) -> None:
    def walk(node: object, parent: str = "resource") -> object:
        if isinstance(node, list):
            return [walk(item, parent) for item in node]
        if not isinstance(node, dict):
            return node
        return {
            name: to_gateway(child, name)
            if isinstance(child, str) and is_server_url_field(parent, name)
            else walk(child, name)
            for name, child in node.items()
        }

    raw = Raw(json.dumps(value, indent=indent).encode())
    assert json.loads(bytes(rewrite_server_urls(raw, (b"up",), to_gateway, "resource"))) == walk(value)


def to_gateway_in_time(body: bytes, needles: tuple[bytes, ...]) -> float:
    return least_cpu_seconds(lambda: rewrite_server_urls(Raw(body), needles, to_gateway))


@pytest.mark.parametrize("needles", [(b"up", b"once"), url_needles(b"", "up")])
def test_needle_that_occurs_once_is_searched_for_once(needles: tuple[bytes, ...]) -> None:
    def body(count: int) -> bytes:
        return (
            b'{"reference":"once","x":["\\u00e9",' + b'{"reference":"http://up/fhir/P/1"},' * count + b"0]}"
        )

    assert to_gateway_in_time(body(16_000), needles) < 40 * to_gateway_in_time(body(1_000), needles)


@pytest.mark.parametrize(
    ("body", "is_any"),
    [(b"http://up/", False), (b"http://UP/ http://up/", True), (b"", False), (b"http://Up", True)],
)
def test_needles_cover_every_spelling_of_a_host(body: bytes, is_any: bool) -> None:
    assert (b"/" in url_needles(body, "up")) is is_any


def test_fields_of_mounted_servers_are_urls_only_there() -> None:
    for parent, name in MOUNTED_FIELDS:
        assert is_server_url_field(parent, name, MOUNTED_FIELDS)
        assert not is_server_url_field(parent, name)


@pytest.mark.parametrize(("name", "is_moved"), [("file", True), ("system", False), ("url", False)])
def test_uri_of_parameters_is_a_name_by_its_name(name: str, is_moved: bool) -> None:
    raw = Raw(json.dumps({"parameter": [{"name": name, "valueUri": f"{UP}/x"}]}).encode())
    new = rewrite_server_urls(raw, (b"up",), to_gateway, "resource", MOUNTED_FIELDS)
    assert (GATEWAY in bytes(new).decode()) is is_moved
    assert rewrite_server_urls(raw, (b"up",), to_gateway, "resource") is raw
