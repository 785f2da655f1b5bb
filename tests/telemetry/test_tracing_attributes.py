"""Attributes of spans: an allow-list of names and values."""

import re
from itertools import product

import pytest
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st

from gateway.fhir.interaction import Interaction, interaction_for
from gateway.telemetry.tracing_attributes import (
    ATTRIBUTES,
    permitted_attributes,
    span_name,
    url_template,
)

CANARY = "Zzyzx"
TEMPLATES = [
    ("GET", "metadata", "{base}/metadata"),
    ("POST", "", "{base}"),
    ("GET", "Patient", "{base}/Patient"),
    ("POST", "Patient/_search", "{base}/Patient"),
    ("POST", "Patient", "{base}/Patient"),
    ("GET", "Patient/Zzyzx", "{base}/Patient/{id}"),
    ("PUT", "Patient/Zzyzx", "{base}/Patient/{id}"),
    ("DELETE", "Patient/Zzyzx", "{base}/Patient/{id}"),
    ("GET", "Patient/Zzyzx/_history", "{base}/Patient/{id}/_history"),
    ("GET", "Patient/_history", "{base}/Patient/_history"),
    ("GET", "Patient/1/_history/Zzyzx", "{base}/Patient/{id}/_history/{version}"),
    ("GET", "Patient/Zzyzx/$zzyzx", "{base}/Patient/{id}/${operation}"),
    ("GET", "Patient/$zzyzx", "{base}/Patient/${operation}"),
    ("GET", "$zzyzx", "{base}/${operation}"),
]


@pytest.mark.parametrize(("method", "path", "template"), TEMPLATES)
def test_template_has_placeholders_for_what_clients_choose(method: str, path: str, template: str) -> None:
    interaction = interaction_for(method, path)
    assert interaction is not None
    assert url_template(interaction) == template
    assert permitted_attributes({"url.template": template}) == {"url.template": template}


def test_other_endpoints_have_templates_of_their_own() -> None:
    for interaction in (Interaction("other"), Interaction("sql", operation="immediate")):
        template = url_template(interaction)
        assert permitted_attributes({"url.template": template})


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_no_attribute_takes_a_wrong_type(name: str) -> None:
    for value in (None, b"bytes", 1.5, [1], {"a": 1}, ("", 1), CANARY * 20, "", -1):
        assert permitted_attributes({name: value}) == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("http.request.method", "ZZYZX"),
        ("http.response.status_code", 99),
        ("fhir.interaction", CANARY),
        ("fhir.interaction", "sql"),
        ("fhir.resource_type", CANARY),
        ("url.template", f"{{base}}/{CANARY}"),
        ("url.template", f"{{base}}/Patient/{CANARY}"),
        ("url.template", "{base}/Patient/{id}/"),
        ("url.template", f"/{CANARY}"),
        ("halo_gateway.cache", CANARY),
        ("error.type", f"no patient {CANARY}"),
        ("halo_gateway.repairs", ("link base",)),
        ("http.url", f"http://gw/{CANARY}"),
        ("exception.message", CANARY),
    ],
)
def test_value_that_a_client_could_fill_is_left_out(name: str, value: object) -> None:
    assert permitted_attributes({name: value}) == {}


def test_permitted_attributes_are_kept() -> None:
    attributes = {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "fhir.interaction": "sql-immediate",
        "fhir.resource_type": "Patient",
        "halo_gateway.site": "Hafen Süd",
        "halo_gateway.repairs": ("link-base-url", "acme:x"),
    }
    assert permitted_attributes(attributes) == attributes


@given(st.dictionaries(st.sampled_from([*ATTRIBUTES, "a", "http.target"]), st.text() | st.integers()))
def test_only_names_of_the_table_remain(attributes: dict[str, object]) -> None:
    kept = permitted_attributes(attributes)
    assert set(kept) <= set(ATTRIBUTES)
    assert permitted_attributes(kept) == kept


def test_span_is_named_by_method_and_template() -> None:
    names = {
        span_name({"http.request.method": method, "url.template": template})
        for method, template in product(("GET", "_OTHER"), ("{base}/Patient",))
    }
    assert names == {"GET {base}/Patient", "HTTP {base}/Patient"}
    assert span_name({}) == "HTTP"


def test_page_explains_every_attribute() -> None:
    page = (ROOT / "docs" / "observability.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z_.]+)` \|", page.partition("## Traces")[2], re.MULTILINE)
    assert set(rows) == set(ATTRIBUTES)
