"""URLs of mounted FHIR servers, whatever mount and base are called, over real sockets."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
import pytest
from conftest import settings_for
from end_to_end.failing_gateway import TOKEN, run_gateway
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.linked_upstream import LinkedUpstream

from gateway.settings import Settings

#: The gateway's thread uses `random` while hypothesis draws; hypothesis attributes that to a strategy.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Do not use the `random` module:hypothesis.errors.HypothesisDeprecationWarning"
)
#: Name of a mount -> its path, and the path of its base on the upstream.
MOUNTS = {
    "labs": ("/labs", "/fhir/R4"),
    "fhir": ("/hg", "/fhir"),
    "r4": ("/R4", "/R4/labs/fhir/R4"),
    "root": ("/root", ""),
}
JSON = {"content-type": "application/fhir+json"}

Servers = tuple[LinkedUpstream, str, httpx.Client]


class World(NamedTuple):
    """An upstream, a gateway in front of it, and the mount under test: its path and the path of its base."""

    upstream: LinkedUpstream
    gateway: str
    client: httpx.Client
    path: str
    base_path: str

    @property
    def public(self) -> str:
        return self.gateway + self.path

    @property
    def base(self) -> str:
        return self.upstream.url + self.base_path

    def ask(self, method: str, url: str, content: object = None, **headers: str) -> httpx.Response:
        """A request to a path below the mount, or to a URL."""
        url = url if url.startswith("http") else f"{self.public}/{url}" if url else self.public
        body = content if isinstance(content, bytes | None) else json.dumps(content).encode()
        fields = (
            TOKEN
            | (JSON if content else {})
            | {key.replace("_", "-"): value for key, value in headers.items()}
        )
        return self.client.request(method, url, content=body, headers=fields)


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    with LinkedUpstream() as upstream:
        mounts = {
            name: {"url": upstream.url + base, "dialect": "health-gorilla", "path": path}
            for name, (path, base) in MOUNTS.items()
        }
        sections = settings_for(upstream.url).model_dump() | {"upstreams": mounts}
        with (
            run_gateway(Settings.model_validate(sections)) as gateway,
            httpx.Client(timeout=30, trust_env=False) as client,
        ):
            yield upstream, gateway, client


@pytest.fixture(params=MOUNTS)
def world(request: pytest.FixtureRequest, servers: Servers) -> World:
    servers[0].reset()
    return World(*servers, *MOUNTS[request.param])


def page(world: World, *links: tuple[str, str], **entry: Any) -> dict[str, Any]:
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        "link": [{"relation": relation, "url": url} for relation, url in links],
        "entry": [{"fullUrl": f"{world.base}/Observation/1", **entry}],
    }


def test_links_are_on_the_mount_with_their_criteria(world: World) -> None:
    links = (
        (
            "self",
            f"{world.base}/Observation?patient={world.base}/Patient/1&identifier=http://o.example/sid|1",
        ),
        ("first", f"{world.base}?_getpages=a%2Fb%3D"),
        ("next", "?_offset=9"),
    )
    world.upstream.answer(f"{world.base_path}/Observation?patient=1", page(world, *links))
    first = world.ask("GET", "Observation?patient=1").json()
    assert [link["url"] for link in first["link"]] == [
        f"{world.public}/Observation?patient={world.public}/Patient/1&identifier=http://o.example/sid|1",
        f"{world.public}?_getpages=a%2Fb%3D",
        f"{world.public}/Observation?_offset=9",
    ]
    assert first["entry"][0]["fullUrl"] == f"{world.public}/Observation/1"


def test_next_link_requests_the_page_that_the_upstream_named(world: World) -> None:
    target = f"{world.base_path}/Observation?_cursor=a%2Fb%3D"
    world.upstream.answer(
        f"{world.base_path}/Observation", page(world, ("next", world.upstream.url + target))
    )
    world.upstream.answer(target, page(world))
    link = world.ask("GET", "Observation").json()["link"][0]["url"]
    last = world.ask("GET", link)
    assert (last.status_code, last.json()["link"]) == (200, [])
    assert world.upstream.sent[-1].target == target


def test_page_below_the_base_is_the_one_named(world: World) -> None:
    target = f"{world.base_path}?_getpages=a%2Fb%3D&_getpagesoffset=2"
    world.upstream.answer(
        f"{world.base_path}/Observation", page(world, ("next", world.upstream.url + target))
    )
    sent = target if world.base_path else f"/{target}"
    world.upstream.answer(sent, page(world, ("self", world.upstream.url + target)))
    link = world.ask("GET", "Observation").json()["link"][0]["url"]
    last = world.ask("GET", link)
    assert (last.status_code, last.json()["link"][0]["url"]) == (200, link)
    assert world.upstream.sent[-1].target == sent


@pytest.mark.parametrize("is_beside", [False, True])
def test_asynchronous_request_is_followed_to_its_result(world: World, is_beside: bool) -> None:
    target = (world.base_path.rpartition("/")[0] if is_beside else world.base_path) + "/RequestResult/7f"
    status = world.upstream.url + target
    world.upstream.answer(f"{world.base_path}/Patient", b"", 202, content_location=status, location=status)
    accepted = world.ask("GET", "Patient", prefer="respond-async")
    assert accepted.status_code == 202
    for name in ("location", "content-location"):
        assert accepted.headers[name].startswith(f"{world.public}/")
    outcome = {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": "information", "code": "informational"}],
    }
    world.upstream.answer(target, outcome, 202, x_progress="half", content_location=status)
    polled = world.ask("GET", accepted.headers["location"])
    assert (polled.status_code, polled.headers["content-location"]) == (202, accepted.headers["location"])
    results: list[Any] = [
        page(world, ("self", f"{world.base}/Patient")),
        {
            "resourceType": "Parameters",
            "parameter": [{"name": "result", "valueUri": f"{world.upstream.url}/download/1"}],
        },
    ]
    for result in results:
        world.upstream.answer(target, result)
        done = world.ask("GET", accepted.headers["location"])
        assert done.status_code == 200
        assert world.upstream.url not in done.text
        assert f'"{world.public}/' in done.text
    assert [sent.target for sent in world.upstream.sent[1:]] == [target] * 3


def test_created_resource_is_read_at_its_location(world: World) -> None:
    created = f"{world.base}/Patient/7/_history/1"
    world.upstream.answer(
        f"{world.base_path}/Patient", b"", 201, location=created, content_location="Patient/7"
    )
    world.upstream.answer(f"{world.base_path}/Patient/7/_history/1", {"resourceType": "Patient", "id": "7"})
    response = world.ask("POST", "Patient", {"resourceType": "Patient"})
    assert response.headers["location"] == f"{world.public}/Patient/7/_history/1"
    assert response.headers["content-location"] == f"{world.public}/Patient/7"
    assert world.ask("GET", response.headers["location"]).json()["id"] == "7"


def test_link_header_is_moved(world: World) -> None:
    link = f'<{world.base}/Patient?p=2>; rel="next", <https://o.example/x>; rel="help"'
    world.upstream.answer(f"{world.base_path}/Patient/1", {"resourceType": "Patient", "id": "1"}, link=link)
    assert world.ask("GET", "Patient/1").headers["link"] == link.replace(world.base, world.public)


def test_address_of_a_download_is_below_the_tilde(world: World) -> None:
    url = f"{world.upstream.url}/download/1?sig=a%2Bb"
    body = {"resourceType": "DocumentReference", "id": "1", "content": [{"attachment": {"url": url}}]}
    world.upstream.answer(f"{world.base_path}/DocumentReference/1", body)
    new = world.ask("GET", "DocumentReference/1").json()["content"][0]["attachment"]["url"]
    assert new == f"{world.public}/~/download/1?sig=a%2Bb"


@pytest.mark.parametrize("path", ["download/1?sig=a%2Bb", "R4/Binary/1", "R4/download/1", "Binary/a_b"])
def test_file_below_the_base_is_fetched_at_its_address(world: World, path: str) -> None:
    body = {"resourceType": "Media", "id": "1", "content": {"url": f"{world.base}/{path}"}}
    world.upstream.answer(f"{world.base_path}/Media/1", body)
    world.upstream.answer(f"{world.base_path}/{path}", b"%PDF", content_type="application/pdf")
    url = world.ask("GET", "Media/1").json()["content"]["url"]
    assert url.startswith(f"{world.public}/")
    assert world.ask("GET", url, accept="*/*").content == b"%PDF"
    assert world.upstream.sent[-1].target == f"{world.base_path}/{path}"


def test_well_known_document_is_read_without_a_credential(world: World) -> None:
    target = f"{world.base_path}/.well-known/smart-configuration"
    world.upstream.answer(target, {"issuer": world.base})
    response = world.client.get(f"{world.public}/.well-known/smart-configuration")
    assert (response.status_code, response.json()) == (200, {"issuer": world.base})
    assert world.upstream.sent[-1].target == target


def test_download_is_fetched_at_its_address_byte_for_byte(world: World) -> None:
    target, content = "/download/a%20b/?sig=a%2Bb%3D&x=", b'%PDF {"reference":"' + world.base.encode()
    body = {"resourceType": "Media", "id": "1", "content": {"url": world.upstream.url + target}}
    world.upstream.answer(f"{world.base_path}/Media/1", body)
    world.upstream.answer(target, content, content_type="application/pdf", content_location=target)
    url = world.ask("GET", "Media/1").json()["content"]["url"]
    file = world.ask("GET", url, accept="*/*")
    assert (file.status_code, file.content) == (200, content)
    assert file.headers["content-type"] == "application/pdf"
    assert file.headers["content-location"] == url == f"{world.public}/~{target}"
    assert world.upstream.sent[-1].target == target


def test_searches_are_sent_with_the_upstreams_addresses(world: World) -> None:
    patient = f"{world.public}/Patient/1"
    world.ask("GET", f"Observation?patient={patient}&code=a|b&subject={patient},{patient}")
    form = {"content-type": "application/x-www-form-urlencoded"}
    data = f"patient={patient}&identifier={patient}|1".encode()
    world.ask("POST", f"{world.public}/Observation/_search", data, **form)
    get, post = world.upstream.sent
    assert (
        get.target == f"{world.base_path}/Observation?patient=Patient/1&code=a|b&subject=Patient/1,Patient/1"
    )
    assert post.target == f"{world.base_path}/Observation/_search"
    assert post.body.startswith(b"patient=Patient/1&identifier=")
    assert world.public.encode() in post.body.replace(b"%3A", b":")


def test_bodies_are_sent_with_the_upstreams_addresses(world: World) -> None:
    public = world.public
    resource = {
        "resourceType": "DocumentReference",
        "identifier": [{"system": f"{public}/sid", "value": "1"}],
        "subject": {"reference": f"{public}/Patient/1"},
        "content": [
            {"attachment": {"url": f"{public}/Binary/1"}},
            {"attachment": {"url": f"{public}/~/d/1?s=1"}},
        ],
    }
    entry = {"fullUrl": f"{public}/Patient/1", "request": {"ifNoneExist": f"subject={public}/Patient/1"}}
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry | {"resource": resource}]}
    world.ask("POST", "DocumentReference", resource, if_none_exist=f"patient={public}/Patient/1")
    world.ask("PUT", "DocumentReference/1", resource)
    world.ask("POST", "", bundle)
    for sent in world.upstream.sent:
        content = json.loads(sent.body)
        content = content["entry"][0]["resource"] if "entry" in content else content
        assert content["subject"] == {"reference": "Patient/1"}
        assert content["identifier"] == resource["identifier"]
        first, second = (item["attachment"]["url"] for item in content["content"])
        assert first == f"{world.base}/Binary/1"
        assert second == f"{world.upstream.url}/d/1?s=1"
    transaction = json.loads(world.upstream.sent[-1].body)["entry"][0]
    assert transaction["fullUrl"] == f"{world.base}/Patient/1"
    assert transaction["request"] == {"ifNoneExist": "subject=Patient/1"}
    assert [sent.method for sent in world.upstream.sent] == ["POST", "PUT", "POST"]


def test_patches_are_sent_with_the_upstreams_addresses(world: World) -> None:
    patch = [{"op": "replace", "path": "/subject/reference", "value": f"{world.public}/Patient/1"}]
    world.ask("PATCH", "Observation/1", patch, content_type="application/json-patch+json")
    assert json.loads(world.upstream.sent[-1].body) == [{**patch[0], "value": "Patient/1"}]


def test_urls_of_another_mount_are_not_the_upstreams(world: World) -> None:
    others = [world.gateway + path for path, _ in MOUNTS.values() if path != world.path]
    references = [{"reference": f"{other}/Patient/1"} for other in others]
    world.ask("POST", "Group", {"resourceType": "Group", "x": references})
    assert json.loads(world.upstream.sent[-1].body)["x"] == references


@pytest.mark.parametrize(
    "path", ["~/..", "~/%2e%2e/x", "~//127.0.0.1:1/x", "~/%2E%2e", "~/..%2fx", "~/a/../../x"]
)
def test_tilde_never_leaves_the_origin(world: World, path: str) -> None:
    host, port = world.gateway.removeprefix("http://").split(":")
    url = httpx.URL(scheme="http", host=host, port=int(port), raw_path=f"{world.path}/{path}".encode())
    response = world.client.request("GET", url, headers=TOKEN)
    assert 400 <= response.status_code < 500
    assert all(sent.target.startswith("/") and ".." not in sent.target for sent in world.upstream.sent)


#: Names of fields whose texts are names or prose, and keep the upstream's URL (docs/urls.md).
KEPT = [
    "system",
    "value",
    "profile",
    "source",
    "div",
    "diagnostics",
    "display",
    "address",
    "valueString",
    "text",
]
MOVED = ["reference", "fullUrl"]
OBJECTS = ["subject", "contained", "extension", "identifier", "photo", "attachment", "link", "output", "x"]


def urls_on(origin: str, base: str) -> st.SearchStrategy[str]:
    """URLs of an upstream, as a hostile one might spell them, and others."""
    host = origin.removeprefix("http://")
    return st.sampled_from(
        [
            f"{base}/Patient/1",
            f"{base}/Patient?subject={base}/Patient/1&_cursor=a",
            base,
            f"{base}#a",
            f"{base}/../../../x",
            f"{base}/%2e%2e/x",
            f"{base}x/y" if base != origin else base,
            f"{base}\\..\\x",
            base.replace("/", "\\") + "\\Patient\\1",
            f"http:/{host}/fhir/R4/Patient/1",
            f"http:{host}/x",
            f"/\\{host}/x",
            f"{base}/Patient/1#{base}/x",
            f"{base}/download/1",
            f"{base}/~/x",
            origin,
            f"{origin}/download/1?sig=a%2Fb",
            f"{origin}//evil.example/x",
            f"//{host}/fhir/R4/Patient/1",
            f"HTTP://{host}/fhir/Patient/1",
            f"https://{host}/fhir/R4/Patient/1",
            f" {base}/Patient/1\t",
            "/fhir/R4/Patient/1",
            f"{base.removeprefix(origin)}/Patient/1",
            "Patient/1",
            "urn:uuid:0a1b2c3d-0000-4000-8000-000000000001",
        ]
    )


def resources_of(urls: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, Any]]:
    """Resources with URLs in fields that hold addresses, and in those that hold names or prose."""
    fields = st.dictionaries(st.sampled_from(MOVED + KEPT), urls, max_size=3)
    files = st.sampled_from(["photo", "attachment", "valueAttachment", "output", "link", "form"]).flatmap(
        lambda name: st.fixed_dictionaries(
            {name: st.fixed_dictionaries({"url": urls, "size": st.integers()})}
        )
    )
    inner = st.recursive(
        fields | files,
        lambda part: st.dictionaries(st.sampled_from(OBJECTS), part | st.lists(part, max_size=2), max_size=3),
        max_leaves=8,
    )
    return inner.map(lambda value: {**value, "resourceType": "Basic", "id": "1"})


def texts(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Every string of a JSON value, with the name of its field."""
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from texts(item, key)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item, name)


@pytest.mark.parametrize("mount", MOUNTS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_upstreams_host_is_only_in_names_and_prose(servers: Servers, mount: str, data: st.DataObject) -> None:
    world = World(*servers, *MOUNTS[mount])
    world.upstream.reset()
    urls = urls_on(world.upstream.url, world.base)
    resource = data.draw(resources_of(urls))
    is_page, url = data.draw(st.booleans()), data.draw(urls)
    entry = {"resource": resource, "response": {"location": url}, "link": [{"url": url}]}
    body = json.dumps(page(world, ("self", url), ("next", url), **entry) if is_page else resource)
    spelt = body.replace("/", "\\/") if data.draw(st.booleans()) else body
    location = url.strip()
    world.upstream.answer(
        f"{world.base_path}/Basic/1", spelt.encode(), location=location, link=f"<{location}>"
    )
    world.upstream.answer(f"{world.base_path}/Basic", spelt.encode(), location=location, link=f"<{location}>")
    response = world.ask("GET", "Basic" if is_page else "Basic/1")
    assert response.status_code == 200, response.text
    host = world.upstream.url.removeprefix("http://")
    assert host not in response.headers["location"] + response.headers["link"]
    changed = [name for name, text in texts(response.json()) if host in text]
    assert set(changed) <= set(KEPT)
    old = [text for name, text in texts(json.loads(spelt)) if name in KEPT]
    assert [text for name, text in texts(response.json()) if name in KEPT] == old
