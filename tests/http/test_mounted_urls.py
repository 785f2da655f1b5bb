"""URLs in the JSON and the searches of a mounted upstream."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw
from support.cpu_time import least_cpu_seconds
from support.requests import LABS, fhir_request

from gateway.exchange import FhirRequest
from gateway.fhir.interaction import Interaction
from gateway.fhir.search_params import parse_search
from gateway.fhir.server_urls import MOUNTED_FIELDS, is_server_url_field
from gateway.http.mounted_urls import (
    relative_reference,
    to_public_json,
    to_upstream_criteria,
    to_upstream_json,
)
from gateway.http.urls import (
    resolve_public_url,
    to_public_headers,
    to_public_url,
    to_relative_url,
    to_upstream_url,
)

ORIGIN = "https://api.lab.example"
UP, PUBLIC = f"{ORIGIN}/fhir/R4", "https://gw.example/labs"
JSON_PATCH = ("content-type", "application/json-patch+json")


def labs_request(path: str = "Patient", method: str = "GET", **changes: Any) -> FhirRequest:
    fields = {"site": LABS, "public_base": PUBLIC, "upstream_base": UP}
    return fhir_request(path, method=method, **(fields | changes))


def public(value: object, name: str = "resource") -> Any:
    raw = Raw(json.dumps(value).encode())
    return json.loads(bytes(to_public_json(labs_request(), raw, name)))


def sent(value: object, path: str = "Patient", method: str = "POST", **changes: Any) -> Any:
    body = json.dumps(value).encode()
    return json.loads(to_upstream_json(labs_request(path, method, body=body, **changes)))


@pytest.mark.parametrize(
    "value",
    [
        {"subject": {"reference": f"{UP}/Patient/1"}},
        {"subject": {"reference": "//API.lab.example/fhir/R4/Patient/1"}},
        {"subject": {"reference": "/fhir/R4/Patient/1"}},
        {"content": [{"attachment": {"url": f"{UP}/Binary/1"}}], "subject": {"reference": "Patient/1"}},
        {"form": {"url": f"{UP}/Binary/1"}},
        {"relatedArtifact": [{"type": "citation", "url": f"{UP}/Binary/1"}]},
        {"study": [{"baseLocation": [{"url": f"{UP}/Binary/1"}]}]},
        {"repository": [{"type": "login", "url": f"{UP}/Binary/1"}]},
        {"resourceType": "Parameters", "parameter": [{"name": "result", "valueUri": f"{UP}/Binary/1"}]},
        {"parameter": [{"name": "r", "part": [{"name": "file", "valueUrl": f"{UP}/Binary/1"}]}]},
        {"resourceType": "CapabilityStatement", "implementation": {"url": UP}},
        {"request": f"{UP}/Patient/$export", "output": [{"type": "Patient", "url": f"{UP}/Binary/1"}]},
        {"output": [], "error": [{"url": f"{UP}/Binary/1"}], "deleted": [{"url": f"{UP}/Binary/2"}]},
        {
            "resourceType": "Bundle",
            "link": [{"url": f"{UP}?_cursor=1"}],
            "entry": [{"fullUrl": f"{UP}/Patient/1"}],
        },
    ],
)
def test_url_on_the_base_is_moved_and_nothing_else(value: object) -> None:
    new = json.dumps(public(value))
    old = json.dumps(value)
    for base in ("//API.lab.example/fhir/R4", '"/fhir/R4'):
        old = old.replace(base, ('"' if base[0] == '"' else "") + PUBLIC)
    assert new == old.replace(UP, PUBLIC)
    assert "lab.example" not in new


@pytest.mark.parametrize(
    "value",
    [
        {"identifier": [{"system": f"{UP}/sid", "value": f"{UP}/Patient/1"}]},
        {"extension": [{"url": f"{UP}/StructureDefinition/1", "valueUri": f"{ORIGIN}/oauth/token"}]},
        {"meta": {"profile": [f"{UP}/StructureDefinition/1"], "source": UP}},
        {"text": {"div": f'<a href="{UP}/Patient/1">see</a>'}},
        {"issue": [{"diagnostics": f"created {UP}/Patient/1", "location": [UP]}]},
        {"parameter": [{"name": "system", "valueUri": f"{UP}/CodeSystem/1"}]},
        {"parameter": [{"name": "note", "valueString": f"{UP}/Patient/1"}]},
        {"resourceType": "Endpoint", "address": UP},
        {"subject": {"reference": f"https://user@{UP[8:]}/Patient/1"}},
        {"subject": {"reference": "https://api.lab.example.evil.example/fhir/R4/Patient/1"}},
        {"subject": {"reference": "Patient/1", "display": '"reference":"/fhir/R4/x"'}},
        {"resourceType": "Bundle", "signature": {}, "entry": [{"fullUrl": f"{UP}/Patient/1"}]},
    ],
)
@pytest.mark.parametrize("sibling", [{}, {"photo": {"url": f"{UP}/Binary/1"}}])
def test_names_and_text_stay(value: dict[str, object], sibling: dict[str, object]) -> None:
    assert public({"x": value, **sibling})["x"] == value


@pytest.mark.parametrize(
    "spelling",
    [
        "https:\\/\\/api.lab.example\\/fhir\\/R4\\/Patient\\/1",
        "https:\\u002f\\u002fapi.lab.example\\u002Ffhir\\u002fR4/Patient/1",
        "https://\\u0061pi.lab.example/fhir/R4/Patient/1",
        "HTTPS://Api.LAB.example/fhir/R4/Patient/1",
        "HTTPS:\\/\\/Api.LAB.example\\/fhir/R4/Patient/1",
        "\\/fhir\\/R4/Patient/1",
        "\\u002ffhir/R4/Patient/1",
    ],
)
@pytest.mark.parametrize("field", ['"reference":"%s"', '"photo":{"url":"%s"}', '"photo":[{"url":"%s"}]'])
def test_every_spelling_of_json_is_understood(spelling: str, field: str) -> None:
    body = f'{{"a":1.50,{field % spelling},"b":"{UP}"}}'.encode()
    new = bytes(to_public_json(labs_request(), Raw(body), "resource"))
    assert new == body.replace(spelling.encode(), f"{PUBLIC}/Patient/1".encode())


def test_json_without_urls_of_the_upstream_keeps_its_object() -> None:
    raw = Raw(b'{"x":1.0,"subject":{"reference":"Patient/1"},"photo":[{"url":"https://o.example/1"}]}')
    assert to_public_json(labs_request(), raw, "resource") is raw


def test_percent_escapes_of_a_url_stay() -> None:
    link = f"{UP}/Patient?name=a%2Fb%20c&_cursor=x%3D%3D"
    assert to_public_url(labs_request(), link) == link.replace(UP, PUBLIC)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (f"patient={UP}/Patient/1&a=%20", f"patient={PUBLIC}/Patient/1&a=%20"),
        (
            "patient=https%3A%2F%2Fapi.lab.example%2Ffhir%2FR4%2FPatient%2F1#f",
            f"patient={PUBLIC}/Patient/1#f",
        ),
        (f"subject={UP}/Patient/1,{UP}/Patient/2", f"subject={PUBLIC}/Patient/1,{PUBLIC}/Patient/2"),
        (f"identifier={UP}/sid|1", None),
        (f"code={UP}/CodeSystem/x|1", f"code={PUBLIC}/CodeSystem/x|1"),
        (f"name=see {UP}", None),
        ("patient=/fhir/R4/Patient/1", f"patient={PUBLIC}/Patient/1"),
        ("_cursor=/fhir/R4/abc%3D&b=//x/y", None),
    ],
)
def test_addresses_in_the_query_of_a_link_are_moved(query: str, expected: str | None) -> None:
    new = resolve_public_url(labs_request(), f"{UP}/Observation?{query}")
    assert new == f"{PUBLIC}/Observation?{expected or query}"


def test_query_of_a_download_link_is_opaque() -> None:
    link = f"{ORIGIN}/download?file={UP}/Binary/1&sig=a%2Bb"
    assert to_public_url(labs_request(), link) == f"{PUBLIC}/~/download?file={UP}/Binary/1&sig=a%2Bb"
    request = labs_request().replace(path="~/download", interaction=Interaction("other"))
    search = parse_search(f"file={PUBLIC}/Binary/1&sig=a%2Bb")
    assert to_upstream_criteria(request, search) is search


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("?_cursor=2", f"{PUBLIC}/Patient?_cursor=2"),
        ("Patient/7", f"{PUBLIC}/Patient/7"),
        ("../RequestResult/7", f"{PUBLIC}/~/fhir/RequestResult/7"),
        ("../../../oauth/token", f"{PUBLIC}/~/oauth/token"),
        ("/fhir/RequestResult/7", f"{PUBLIC}/~/fhir/RequestResult/7"),
        ("urn:uuid:0a1b2c3d-0000-4000-8000-000000000001", None),
        ("", None),
        ("//[x", None),
    ],
)
def test_relative_url_is_resolved_at_the_upstream(url: str, expected: str | None) -> None:
    assert resolve_public_url(labs_request(), url) == (url if expected is None else expected)


def test_relative_url_beside_the_base_is_resolved_there() -> None:
    request = labs_request().replace(path="~/fhir/RequestResult/7")
    assert resolve_public_url(request, "8") == f"{PUBLIC}/~/fhir/RequestResult/8"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("www-authenticate", 'Bearer realm="{}", error="invalid_token", resource_metadata="{}/Patient"'),
        ("x-progress", "see {}/Patient/1, then wait"),
        ("x-request-id", None),
    ],
)
def test_urls_in_a_challenge_and_a_progress_are_moved(name: str, value: str | None) -> None:
    text = (value or f"see {UP}").replace("{}", UP)
    new = to_public_headers(labs_request(), ((name, text),))
    assert new == ((name, text.replace(UP, PUBLIC) if value else text),)


@pytest.mark.parametrize(
    "query", ["a=b&" * 20_000, "a=/&" * 20_000, "a=" + "https://gw.example/labs," * 4_000]
)
def test_very_long_reference_takes_no_time_and_stays(query: str) -> None:
    request = labs_request(
        "Patient", "POST", body=b'{"reference":"%s/Patient?%s"}' % (PUBLIC.encode(), query.encode())
    )
    assert to_upstream_json(request) == request.body
    assert least_cpu_seconds(lambda: to_upstream_json(request), 0.005) < 0.005


def test_url_of_an_entrys_request_is_relative_to_the_base() -> None:
    history = {"method": "PUT", "url": "/Patient/1"}
    assert public(history, "request") == history
    assert public({"url": "/fhir/R4/Patient/1"}, "request") == {"url": f"{PUBLIC}/Patient/1"}


@pytest.mark.parametrize(
    ("url", "relative", "upstream"),
    [
        (f"{PUBLIC}/Patient/1", "Patient/1", f"{UP}/Patient/1"),
        (f"{PUBLIC}/Patient/1#x", None, f"{UP}/Patient/1#x"),
        (f"{PUBLIC}/Nonsense/1", None, f"{UP}/Nonsense/1"),
        (f"{PUBLIC}/~/d/1", None, f"{ORIGIN}/d/1"),
        (f"{PUBLIC}x/Patient/1", None, None),
    ],
)
def test_only_addresses_of_resources_become_relative(
    url: str, relative: str | None, upstream: str | None
) -> None:
    request = labs_request()
    assert relative_reference(request, url) == (relative or url)
    assert to_upstream_url(request, url) == (upstream or url)


@pytest.mark.parametrize(("version", "is_relative"), [("3.0", True), ("4.0", False)])
def test_types_are_those_of_the_upstreams_version(version: Any, is_relative: bool) -> None:
    request = labs_request(site=replace(LABS, fhir_version=version))
    url = f"{PUBLIC}/ProcedureRequest/1"
    assert (relative_reference(request, url) == "ProcedureRequest/1") is is_relative
    public = to_public_url(request, f"{UP}/ProcedureRequest/1")
    assert public == (url if is_relative else f"{PUBLIC}/~/fhir/R4/ProcedureRequest/1")


@pytest.mark.parametrize(
    "path", ["Binary/a_b", "download/abc?sig=x", "oauth/token", ".well-known/x", "Nonsense/1"]
)
def test_file_below_the_base_is_below_the_tilde(path: str) -> None:
    public = to_public_url(labs_request(), f"{UP}/{path}")
    assert public == f"{PUBLIC}/~/fhir/R4/{path}"
    assert to_upstream_url(labs_request(), public) == f"{UP}/{path}"


def test_relative_url_of_the_gateway_excludes_the_origin() -> None:
    assert to_relative_url(labs_request(), f"{PUBLIC}/Patient?x=1") == "Patient?x=1"
    assert to_relative_url(labs_request(), f"{PUBLIC}/~/Patient") == f"{PUBLIC}/~/Patient"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (f"patient={PUBLIC}/Patient/1&b=%20x", "patient=Patient/1&b=%20x"),
        (f"subject=http://GW.example:80/labs/Patient/1,{PUBLIC}/Patient/2", "subject=Patient/1,Patient/2"),
        (f"subject={PUBLIC}/~/d/1", f"subject={ORIGIN}/d/1"),
        (f"_has:x={PUBLIC}?y", f"_has:x={UP}%3Fy"),
        ("subject=/labs/Patient/1,Patient/2", "subject=Patient/1,Patient/2"),
        ("subject=%2Flabs%2FPatient%2F1", "subject=Patient/1"),
        ("subject=//gw.example/labs/Patient/1", "subject=Patient/1"),
        ("_cursor=/labsx/Patient/1", None),
        (f"url={PUBLIC}/Questionnaire/1", None),
        (f"identifier={PUBLIC}/sid|1", None),
        ("subject=https://gw.example/hg/Patient/1", None),
    ],
)
def test_addresses_in_a_search_are_the_upstreams(query: str, expected: str | None) -> None:
    search = parse_search(query)
    new = to_upstream_criteria(labs_request(), search)
    assert new.query == (query if expected is None else expected)
    assert (new is search) == (expected is None)


def test_urls_in_a_resource_are_the_upstreams() -> None:
    body = {
        "resourceType": "DocumentReference",
        "identifier": [{"system": f"{PUBLIC}/sid"}],
        "subject": {"reference": f"{PUBLIC}/Patient/1"},
        "author": [{"reference": "https://gw.example/hg/Practitioner/1"}],
        "content": [{"attachment": {"url": f"{PUBLIC}/~/downloads/1?sig=a"}}],
    }
    new = sent(body, "DocumentReference")
    assert new["identifier"] == body["identifier"]
    assert new["subject"] == {"reference": "Patient/1"}
    assert new["author"] == body["author"]
    assert new["content"][0]["attachment"]["url"] == f"{ORIGIN}/downloads/1?sig=a"


def test_urls_in_a_transaction_are_the_upstreams() -> None:
    entry = {
        "fullUrl": f"{PUBLIC}/Patient/1",
        "request": {
            "method": "PUT",
            "url": f"Observation?patient={PUBLIC}/Patient/1&code=1",
            "ifNoneExist": f"subject={PUBLIC}/Patient/1&identifier={PUBLIC}/sid|1",
        },
        "resource": {"subject": {"reference": f"Patient?organization={PUBLIC}/Organization/1"}},
    }
    second = {"request": {"method": "GET", "url": f"{PUBLIC}/Observation?patient={PUBLIC}/Patient/1"}}
    third = {"request": {"method": "GET", "url": f"https://o.example/x?patient={PUBLIC}/Patient/1"}}
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry, second, third]}
    new = sent(bundle, "")["entry"]
    assert new[0] == {
        "fullUrl": f"{UP}/Patient/1",
        "request": {
            "method": "PUT",
            "url": "Observation?patient=Patient/1&code=1",
            "ifNoneExist": f"subject=Patient/1&identifier={PUBLIC}/sid|1",
        },
        "resource": {"subject": {"reference": "Patient?organization=Organization/1"}},
    }
    assert new[1]["request"]["url"] == f"{UP}/Observation?patient=Patient/1"
    assert new[2] == third


def test_urls_in_the_parameters_of_an_operation_are_the_upstreams() -> None:
    parameters = [
        {"name": "resource", "valueUri": f"{PUBLIC}/Patient/1"},
        {"name": "system", "valueUri": f"{PUBLIC}/CodeSystem/1"},
        {"name": "subject", "valueReference": {"reference": f"{PUBLIC}/Patient/1"}},
    ]
    new = sent({"resourceType": "Parameters", "parameter": parameters}, "Patient/$match")["parameter"]
    assert new[0]["valueUri"] == f"{UP}/Patient/1"
    assert new[1] == parameters[1]
    assert new[2]["valueReference"] == {"reference": "Patient/1"}


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("/subject/reference", f"{PUBLIC}/Patient/1", "Patient/1"),
        ("/photo/0/url", f"{PUBLIC}/Binary/1", f"{UP}/Binary/1"),
        ("/photo/-", {"url": f"{PUBLIC}/Binary/1"}, {"url": f"{UP}/Binary/1"}),
        ("/photo", [{"url": f"{PUBLIC}/Binary/1"}], [{"url": f"{UP}/Binary/1"}]),
        ("/subject", {"reference": f"{PUBLIC}/Patient/1"}, {"reference": "Patient/1"}),
        ("/extension/0/url", f"{PUBLIC}/Binary/1", None),
        ("/note/0/text", f"{PUBLIC}/Binary/1", None),
        ("/active", True, None),
    ],
)
def test_urls_in_a_json_patch_are_the_upstreams(path: str, value: object, expected: object) -> None:
    operations = [
        {"op": "test", "path": "/x", "value": 1.5},
        {"op": "replace", "path": path, "value": value},
        {"op": "remove", "path": "/y"},
    ]
    new = sent(operations, "Patient/1", "PATCH", headers=(JSON_PATCH,))
    assert new[1]["value"] == (value if expected is None else expected)
    assert [new[0], new[2]] == [operations[0], operations[2]]


@pytest.mark.parametrize(
    "changes",
    [
        {"body": b'{"subject":{"reference":"Patient/1"},"x":1.0}'},
        {
            "body": b'{"reference":"%s/Patient/1"}' % PUBLIC.encode(),
            "headers": (("content-type", "text/plain"),),
        },
        {"body": b'[{"reference":"%s/Patient/1"}]' % PUBLIC.encode()},
        {"body": b"%PDF https://gw.example/labs/"},
        {"body": b'{"reference":"%s/x"}' % PUBLIC.encode(), "interaction": Interaction("other")},
    ],
)
def test_other_bodies_keep_their_bytes(changes: dict[str, Any]) -> None:
    request = labs_request("Patient", "POST", **changes)
    assert to_upstream_json(request) is request.body


URLS = st.sampled_from(
    [
        f"{UP}/Patient/1",
        f"{UP}?a=b",
        UP,
        f"{ORIGIN}/downloads/1?x=y",
        f"{UP}x/1",
        "//api.lab.example/fhir/R4/Binary/2",
        "/fhir/R4/Binary/3",
        "HTTP://API.LAB.EXAMPLE/fhir/R4/Binary/4",
        f"{UP}/../../x",
        "Patient/1",
        "https://other.example/fhir/R4/Patient/1",
        "",
    ]
)
NAMES = [
    "reference",
    "url",
    "fullUrl",
    "photo",
    "link",
    "request",
    "output",
    "parameter",
    "valueUri",
    "name",
    "x",
]
VALUES = st.recursive(
    URLS | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=15,
)


def urls_of(value: Any, parent: str = "resource", name: str = "") -> list[str]:
    """Texts of the fields that hold URLs of the server."""
    if isinstance(value, dict):
        is_named = parent and name in {"parameter", "part"} and str(value.get("name")) in {"url", "system"}
        return [url for key, item in value.items() for url in urls_of(item, "" if is_named else name, key)]
    if isinstance(value, list):
        return [url for item in value for url in urls_of(item, name, "" if isinstance(item, str) else name)]
    return [value] if isinstance(value, str) and is_server_url_field(parent, name, MOUNTED_FIELDS) else []


@given(st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=4), st.booleans())
def test_no_address_keeps_the_upstreams_host(value: dict[str, Any], is_ascii: bool) -> None:
    body = json.dumps(value, ensure_ascii=is_ascii).replace("/", "\\/" if is_ascii else "/").encode()
    new = bytes(to_public_json(labs_request(), Raw(body), "resource"))
    assert [url for url in urls_of(json.loads(new), name="resource") if "lab.example" in url.lower()] == []
    assert bytes(to_public_json(labs_request(), Raw(new), "resource")) == new
