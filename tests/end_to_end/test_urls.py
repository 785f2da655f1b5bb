"""Responses do not contain the upstream's URL, except in the unchanged fields of docs/urls.md."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import Pair
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.emulator.settings import LinkForm
from gateway.emulator.sites import SYDNEY

#: The gateway's thread uses `random` while hypothesis draws; hypothesis attributes that to a strategy.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Do not use the `random` module:hypothesis.errors.HypothesisDeprecationWarning"
)
HOST = "fhir-engine.halo.internal"
UPSTREAM = f"http://{HOST}:8080/sites/{SYDNEY}/fhir/R4"
JSON = {"content_type": "application/fhir+json"}
#: Object and field with business data, which may contain the URL of any server.
UNCHANGED = {
    ("identifier", "system"),
    ("identifier", "value"),
    ("coding", "system"),
    ("extension", "url"),
    ("meta", "source"),
}
UNCHANGED |= {
    ("", "url"),
    ("", "address"),
    ("extension", "valueUri"),
    ("text", "div"),
    ("", "instantiatesUri"),
}


def string_values(value: Any, parent: str = "", name: str = "") -> Iterator[tuple[tuple[str, str], str]]:
    """String values of a resource with the names of object and field."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from string_values(item, name if parent is not None else "", key)
    elif isinstance(value, list):
        for item in value:
            yield from string_values(item, parent, name)
    elif isinstance(value, str):
        yield (parent, name), value


@pytest.mark.parametrize("form", [*LinkForm.__args__])  # type: ignore[attr-defined]
@pytest.mark.parametrize(
    "path",
    [
        "Patient/1",
        "Appointment?_count=20&_include=Appointment:actor",
        "DocumentReference?_count=5",
        "Patient/1/$summary",
        "metadata",
        "Slot/$find-free?_count=3",
        "Patient/none",
        "Observation?code=none",
    ],
)
def test_response_does_not_contain_the_upstream_host(pair: Pair, path: str, form: str) -> None:
    pair.settings(variants={"link_form": form})
    response = pair.get(path)
    output = response.text + str(response.headers)
    for host in (HOST, "api.haloconnect.io", pair.emulator.url):
        assert host not in output


URL = st.sampled_from(
    [
        f"{UPSTREAM}/Patient/1",
        f"{UPSTREAM}/Binary/2",
        f"{UPSTREAM}/Patient?name=a",
        "Patient/1",
        f"{UPSTREAM}x/y",
    ]
)
LEAVES = URL | st.integers() | st.booleans() | st.text(max_size=5)
NAMES = [
    "reference",
    "subject",
    "photo",
    "attachment",
    "extension",
    "contained",
    "identifier",
    "valueAttachment",
    "x",
]
OBJECTS = st.recursive(
    st.fixed_dictionaries({}, optional={"reference": URL}),
    lambda inner: (
        st.dictionaries(st.sampled_from(NAMES[1:]), inner | st.lists(inner, max_size=2), max_size=4)
        | st.fixed_dictionaries({"photo": st.fixed_dictionaries({"url": URL, "size": st.integers()})})
    ),
    max_leaves=12,
)
RESOURCES = st.fixed_dictionaries(
    {"resourceType": st.just("Basic")},
    optional={
        "identifier": st.lists(st.fixed_dictionaries({"system": LEAVES, "value": LEAVES}), max_size=2),
        "extension": st.lists(st.fixed_dictionaries({"url": URL, "valueUri": URL}), max_size=2),
        "meta": st.fixed_dictionaries({"source": URL}),
        "url": URL,
    },
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(RESOURCES, OBJECTS), max_size=4), st.booleans())
def test_upstream_urls_remain_only_in_unchanged_fields(
    pair: Pair, parts: list[tuple[dict[str, Any], dict[str, Any]]], is_read: bool
) -> None:
    resources = [{**other_fields, **base_fields} for base_fields, other_fields in parts]
    entries = [
        {"fullUrl": f"{UPSTREAM}/Basic/{number}", "resource": resource}
        for number, resource in enumerate(resources)
    ]
    bundle = {
        "resourceType": "Bundle",
        "type": "searchset",
        "link": [{"relation": "self", "url": UPSTREAM}],
        "entry": entries,
    }
    body = ({"resourceType": "Patient", "id": "1", "contained": resources}) if is_read else bundle
    pair.fault(kind="answer", status=200, body=body, times=1, headers={"location": f"{UPSTREAM}/Basic/1"})
    response = pair.get("Patient/1" if is_read else "Patient")
    assert response.status_code == 200, response.text
    assert HOST not in response.headers.get("location", "")
    for field, text in string_values(response.json()):
        if f"{UPSTREAM}/" in text or text == UPSTREAM:
            position = (field[0] if field[0] in {"identifier", "extension", "meta"} else "", field[1])
            assert position in UNCHANGED, (field, text)


def test_client_may_send_gateway_urls_upstream(pair: Pair) -> None:
    patient = pair.get("Patient/1").json()
    assert patient["managingOrganization"]["reference"] == f"{pair.base()}/Organization/1"
    pair.ask("PUT", f"{pair.base()}/Patient/1", json.dumps(patient).encode(), **JSON)
    sent = pair.sent()[-1]
    assert json.loads(str(sent["text"]))["managingOrganization"] == {"reference": "Organization/1"}
    absolute = pair.get(f"Condition?patient={pair.base()}/Patient/1&_count=50").json()
    relative = pair.get("Condition?patient=Patient/1&_count=50").json()
    assert absolute["total"] == relative["total"] > 0
    assert absolute["link"][0]["url"] != relative["link"][0]["url"]


def test_attachment_url_can_be_fetched(pair: Pair) -> None:
    page = pair.get("DocumentReference?patient=Patient/2").json()
    url = page["entry"][0]["resource"]["content"][0]["attachment"]["url"]
    assert url.startswith(f"{pair.base()}/Binary/")
    assert pair.ask("GET", url).json()["resourceType"] == "Binary"


def test_created_resource_is_at_its_location(pair: Pair) -> None:
    body = json.dumps({"resourceType": "Patient", "name": [{"family": "Testperson"}]}).encode()
    created = pair.ask("POST", f"{pair.base()}/Patient", body, **JSON)
    assert created.headers["location"].startswith(f"{pair.base()}/Patient/")
    assert pair.ask("GET", created.headers["location"]).status_code == 200


def test_signed_bundle_is_unchanged_with_a_header(pair: Pair) -> None:
    text = json.dumps(
        {
            "resourceType": "Bundle",
            "type": "document",
            "signature": {"x": UPSTREAM},
            "link": [{"url": UPSTREAM}],
        }
    )
    pair.fault(kind="answer", status=200, body=text, times=1, headers={"content-type": "application/json"})
    response = pair.get("Patient/1/$summary")
    assert response.text == text
    assert response.headers["gateway-unchanged"] == "signature"
