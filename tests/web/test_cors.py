"""Rules of CORS: origins, paths, preflights, and Vary."""

import re

import pytest
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st

from gateway.cache.prepared import NO_FIELDS, AddedFields, RawHeader, render_headers
from gateway.fhir.interaction import allowed_methods
from gateway.settings import Cors
from gateway.web.cors import (
    REQUEST_FIELDS,
    RESPONSE_FIELDS,
    CorsPolicy,
    CorsRoute,
    with_added_fields,
    with_vary,
)

APP, OTHER = b"https://app.example.com.au", b"https://other.example"
ROUTES = (
    CorsRoute(re.compile(r"^/fhir/(?P<path>.*)$"), allowed_methods, is_fhir=True),
    CorsRoute(re.compile(r"^/sql/(?P<query>.*)$"), None),
    CorsRoute(re.compile(r"^/docs/(?P<path>.*)$"), lambda _: {"GET", "HEAD"}),
)
ASKED = (b"access-control-request-method", b"PUT")
ALLOW, EXPOSE = b"access-control-allow-origin", b"access-control-expose-headers"


def policy(*origins: str, **settings: object) -> CorsPolicy:
    return CorsPolicy(Cors.model_validate({"origins": origins or [APP.decode()], **settings}), ROUTES)


def allowed_origin(fields: AddedFields | None) -> bytes | None:
    return dict(fields.headers).get(ALLOW) if fields else None


def origin_field(*origins: bytes) -> list[RawHeader]:
    return [(b"accept", b"*/*"), *((b"origin", origin) for origin in origins)]


@pytest.mark.parametrize("origin", [APP, b"HTTPS://App.Example.com.AU", APP + b":443"])
def test_listed_origin_is_echoed_as_it_was_sent(origin: bytes) -> None:
    fields = policy().fields_for("/fhir/Patient/1", origin_field(origin))
    assert fields
    assert (allowed_origin(fields), fields.vary) == (origin, b"origin")
    assert fields.lines == render_headers(fields.headers)
    assert b"access-control-allow-credentials" not in dict(fields.headers)
    assert {b"ETag", b"Location", b"Retry-After", b"X-Request-Id"} <= set(
        dict(fields.headers)[EXPOSE].split(b", ")
    )


@pytest.mark.parametrize(
    "origins",
    [
        (),
        (OTHER,),
        (b"null",),
        (b"",),
        (b"*",),
        (APP + b".evil.example",),
        (APP + b"/",),
        (b"http" + APP[5:],),
        (APP + b":8443",),
        (APP + b"\xff",),
        (APP, APP),
        (APP, OTHER),
        (APP + b", " + OTHER,),
    ],
)
def test_other_origin_gets_only_vary(origins: tuple[bytes, ...]) -> None:
    assert policy().fields_for("/fhir/Patient/1", origin_field(*origins)) == AddedFields(vary=b"origin")


def test_star_is_for_all_origins_without_vary() -> None:
    for origins in ((), (OTHER,), (b"null",)):
        fields = policy("*").fields_for("/fhir/Patient/1", origin_field(*origins))
        assert fields
        assert (allowed_origin(fields), fields.vary) == (b"*", b"")


@pytest.mark.parametrize("path", ["/fhir/metadata", "/fhir/.well-known/smart-configuration"])
def test_what_describes_the_server_is_for_all_origins(path: str) -> None:
    fields = policy().fields_for(path, origin_field(OTHER))
    assert fields
    assert (allowed_origin(fields), fields.vary) == (b"*", b"")
    assert allowed_origin(policy().fields_for("/docs/metadata", origin_field(OTHER))) is None


@pytest.mark.parametrize(
    "path",
    [
        "/admin",
        "/admin/",
        "/admin/sites",
        "/admin/none",
        "/metrics",
        "/hooks/halo",
        "/sql/1",
        "/sql/metadata",
    ],
)
def test_closed_path_gets_nothing(path: str) -> None:
    for each in (policy(), policy("*")):
        assert each.fields_for(path, origin_field(APP)) is None
        assert each.preflight_fields(path, [*origin_field(APP), ASKED]) is None
        for target in (
            path,
            f"{path}?x=/fhir/metadata",
            f"http://gw.example{path}",
            path.replace("m", "%6d"),
        ):
            assert each.fields_for_target(target.encode(), origin_field(APP)) == NO_FIELDS


@pytest.mark.parametrize(
    "target", [b"", b"*", b"/", b"/fhir/Patient?name=%ff", b"/fhir/P\xff", b"/none", b"//"]
)
def test_any_other_target_is_open(target: bytes) -> None:
    assert allowed_origin(policy().fields_for_target(target, origin_field(APP))) == APP


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/fhir/Patient", b"GET, HEAD, PATCH, POST, PUT"),
        ("/fhir/Patient/1", b"DELETE, GET, HEAD, PATCH, PUT"),
        ("/fhir/Patient/1/", b"DELETE, GET, HEAD, PATCH, PUT"),
        ("/fhir/metadata", b"GET, HEAD"),
        ("/fhir/", b"POST"),
        ("/docs/cache.md", b"GET, HEAD"),
        ("/fhir/Nothing", None),
        ("/nowhere", None),
    ],
)
def test_preflight_names_the_methods_of_the_path(path: str, methods: bytes | None) -> None:
    fields = policy(max_age=60).preflight_fields(path, [*origin_field(APP), ASKED])
    assert fields is not None
    assert dict(fields).get(b"access-control-allow-methods") == methods
    assert dict(fields)[ALLOW] == (b"*" if path == "/fhir/metadata" else APP)
    assert dict(fields)[b"access-control-max-age"] == b"60"
    assert EXPOSE not in dict(fields)


def test_key_of_the_firm_needs_the_switch() -> None:
    def names(**settings: object) -> set[bytes]:
        fields = policy(**settings).preflight_fields("/fhir/Patient", [*origin_field(APP), ASKED])
        assert fields
        return set(dict(fields)[b"access-control-allow-headers"].split(b", "))

    assert {b"Authorization", b"DeviceId", b"If-Match", b"Gateway-App", b"traceparent"} <= names()
    assert names(subscription_key=True) - names() == {b"Ocp-Apim-Subscription-Key"}


def test_unlisted_origin_is_permitted_nothing() -> None:
    fields = policy().preflight_fields("/fhir/Patient", [*origin_field(OTHER), ASKED])
    assert fields == [(b"vary", b"origin")]


def test_ordinary_options_request_is_no_preflight() -> None:
    for headers in ([], origin_field(APP), [ASKED]):
        assert policy().preflight_fields("/fhir/Patient", headers) is None


NAMES = st.sampled_from([b"Accept", b"accept", b"Origin", b"ORIGIN", b"*", b"", b"authorization"])
VALUES = st.lists(NAMES, max_size=4).map(b" ,".join)
FIELDS = st.lists(st.tuples(st.sampled_from([b"vary", b"Vary", b"etag"]), VALUES), max_size=4)


def vary_names(fields: list[RawHeader]) -> set[bytes]:
    values = b",".join(value for name, value in fields if name.lower() == b"vary")
    return {name.strip().lower() for name in values.split(b",")} - {b""}


@given(FIELDS)
def test_vary_names_the_origin_and_all_that_it_did(fields: list[RawHeader]) -> None:
    merged = with_vary(fields, b"origin")
    before, after = vary_names(fields), vary_names(merged)
    assert after == before if b"*" in before else before | {b"origin"}
    assert with_vary(merged, b"origin") == merged
    assert [field for field in merged if field[0] == b"etag"] == [
        field for field in fields if field[0] == b"etag"
    ]
    assert len(merged) - len(fields) in {0, 1}
    assert not any(value.startswith(b",") for name, value in merged if name == b"vary" and b"*" not in before)


@given(FIELDS)
def test_fields_without_an_origin_stay_as_they_are(fields: list[RawHeader]) -> None:
    assert with_vary(fields, b"") == with_added_fields(fields, NO_FIELDS) == fields


def test_fields_of_an_upstream_are_dropped() -> None:
    own = [
        (b"etag", b"1"),
        (b"Access-Control-Allow-Origin", b"*"),
        (b"access-control-allow-credentials", b"true"),
    ]
    fields = policy().fields_for("/fhir/Patient", origin_field(APP))
    assert fields
    names = [name for name, _ in with_added_fields(own, fields)]
    assert names == [b"etag", b"vary", ALLOW, EXPOSE]
    assert with_added_fields(own, NO_FIELDS) == [(b"etag", b"1")]


@pytest.mark.parametrize("names", [REQUEST_FIELDS, RESPONSE_FIELDS], ids=["sent", "seen"])
def test_page_of_the_documentation_names_all_fields(names: tuple[str, ...]) -> None:
    page = (ROOT / "docs" / "browser-apps.md").read_text(encoding="utf-8")
    assert ", ".join(names) in " ".join(page.split())
