"""No answer names the upstream, except in the fields that docs/urls.md says must keep what they hold."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import Pair
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.emulator.settings import LinkForm
from gateway.emulator.sites import SYDNEY

#: The gateway's thread uses `random` while hypothesis draws, which hypothesis takes for a strategy that does.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Do not use the `random` module:hypothesis.errors.HypothesisDeprecationWarning"
)
HOST = "fhir-engine.halo.internal"
UP = f"http://{HOST}:8080/sites/{SYDNEY}/fhir/R4"
JSON = {"content_type": "application/fhir+json"}
#: Object and field whose value is business data, whatever server it names.
KEPT = {
    ("identifier", "system"),
    ("identifier", "value"),
    ("coding", "system"),
    ("extension", "url"),
    ("meta", "source"),
}
KEPT |= {("", "url"), ("", "address"), ("extension", "valueUri"), ("text", "div"), ("", "instantiatesUri")}


def strings(value: Any, parent: str = "", name: str = "") -> Iterator[tuple[tuple[str, str], str]]:
    """Every string of a resource, with the names of its object and its field."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield from strings(each, name if parent is not None else "", key)
    elif isinstance(value, list):
        for each in value:
            yield from strings(each, parent, name)
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
def test_no_answer_of_the_emulator_names_its_host(pair: Pair, path: str, form: str) -> None:
    pair.settings(variants={"link_form": form})
    response = pair.get(path)
    seen = response.text + str(response.headers)
    for host in (HOST, "api.haloconnect.io", pair.emulator.url):
        assert host not in seen


URL = st.sampled_from([f"{UP}/Patient/1", f"{UP}/Binary/2", f"{UP}/Patient?name=a", "Patient/1", f"{UP}x/y"])
LEAF = URL | st.integers() | st.booleans() | st.text(max_size=5)
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
OBJECT = st.recursive(
    st.fixed_dictionaries({}, optional={"reference": URL}),
    lambda inner: (
        st.dictionaries(st.sampled_from(NAMES[1:]), inner | st.lists(inner, max_size=2), max_size=4)
        | st.fixed_dictionaries({"photo": st.fixed_dictionaries({"url": URL, "size": st.integers()})})
    ),
    max_leaves=12,
)
KEEPING = st.fixed_dictionaries(
    {"resourceType": st.just("Basic")},
    optional={
        "identifier": st.lists(st.fixed_dictionaries({"system": LEAF, "value": LEAF}), max_size=2),
        "extension": st.lists(st.fixed_dictionaries({"url": URL, "valueUri": URL}), max_size=2),
        "meta": st.fixed_dictionaries({"source": URL}),
        "url": URL,
    },
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(KEEPING, OBJECT), max_size=4), st.booleans())
def test_no_string_names_the_upstream_outside_the_fields_that_must(
    pair: Pair, parts: list[tuple[dict[str, Any], dict[str, Any]]], lone: bool
) -> None:
    made = [{**rest, **keeping} for keeping, rest in parts]
    entries = [{"fullUrl": f"{UP}/Basic/{number}", "resource": each} for number, each in enumerate(made)]
    bundle = {
        "resourceType": "Bundle",
        "type": "searchset",
        "link": [{"relation": "self", "url": UP}],
        "entry": entries,
    }
    body = ({"resourceType": "Patient", "id": "1", "contained": made}) if lone else bundle
    pair.fault(kind="answer", status=200, body=body, times=1, headers={"location": f"{UP}/Basic/1"})
    response = pair.get("Patient/1" if lone else "Patient")
    assert response.status_code == 200, response.text
    assert HOST not in response.headers.get("location", "")
    for place, text in strings(response.json()):
        if f"{UP}/" in text or text == UP:
            kept = (place[0] if place[0] in {"identifier", "extension", "meta"} else "", place[1])
            assert kept in KEPT, (place, text)


def test_a_client_may_send_what_it_was_given(pair: Pair) -> None:
    patient = pair.get("Patient/1").json()
    assert patient["managingOrganization"]["reference"] == f"{pair.base()}/Organization/1"
    pair.ask("PUT", f"{pair.base()}/Patient/1", json.dumps(patient).encode(), **JSON)
    sent = pair.sent()[-1]
    assert json.loads(str(sent["text"]))["managingOrganization"] == {"reference": "Organization/1"}
    absolute = pair.get(f"Condition?patient={pair.base()}/Patient/1&_count=50").json()
    relative = pair.get("Condition?patient=Patient/1&_count=50").json()
    assert absolute["total"] == relative["total"] > 0
    assert absolute["link"][0]["url"] != relative["link"][0]["url"]


def test_an_attachment_can_be_fetched_from_the_url_that_was_given(pair: Pair) -> None:
    page = pair.get("DocumentReference?patient=Patient/2").json()
    url = page["entry"][0]["resource"]["content"][0]["attachment"]["url"]
    assert url.startswith(f"{pair.base()}/Binary/")
    assert pair.ask("GET", url).json()["resourceType"] == "Binary"


def test_what_was_created_is_found_at_the_location_given(pair: Pair) -> None:
    body = json.dumps({"resourceType": "Patient", "name": [{"family": "Testperson"}]}).encode()
    created = pair.ask("POST", f"{pair.base()}/Patient", body, **JSON)
    assert created.headers["location"].startswith(f"{pair.base()}/Patient/")
    assert pair.ask("GET", created.headers["location"]).status_code == 200


def test_a_signed_bundle_passes_byte_for_byte_and_says_so(pair: Pair) -> None:
    text = json.dumps(
        {"resourceType": "Bundle", "type": "document", "signature": {"x": UP}, "link": [{"url": UP}]}
    )
    pair.fault(kind="answer", status=200, body=text, times=1, headers={"content-type": "application/json"})
    response = pair.get("Patient/1/$summary")
    assert response.text == text
    assert response.headers["gateway-unchanged"] == "signature"
