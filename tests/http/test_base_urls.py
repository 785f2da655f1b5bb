"""URLs of a mounted server: to the mount and back."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.cpu_time import least_cpu_seconds

from gateway.http.base_urls import (
    is_origin_url,
    map_from_mount,
    map_to_mount,
    parse_base,
    relative_to,
)

R4 = "https://api.lab.example/fhir/R4"
MOUNT = "https://gw.example/labs"


def to_mount(url: str, base: str = R4, mount: str = MOUNT) -> str:
    return map_to_mount(parse_base(base), parse_base(mount), url)


def from_mount(url: str, base: str = R4, mount: str = MOUNT) -> str:
    return map_from_mount(parse_base(base), parse_base(mount), url)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (R4, MOUNT),
        (f"{R4}/", f"{MOUNT}/"),
        (f"{R4}?_getpages=1", f"{MOUNT}?_getpages=1"),
        (f"{R4}#a", f"{MOUNT}#a"),
        (f"{R4}/Patient/1?a=%2F&b=/fhir/R4#c", f"{MOUNT}/Patient/1?a=%2F&b=/fhir/R4#c"),
        ("HTTPS://API.Lab.example:443/fhir/R4/Patient", f"{MOUNT}/Patient"),
        ("https://api.lab.example./fhir/R4/Patient", f"{MOUNT}/Patient"),
        ("http://api.lab.example/fhir/R4/Patient", f"{MOUNT}/Patient"),
        ("http://api.lab.example:80/fhir/R4/Patient", f"{MOUNT}/Patient"),
        ("https://api.lab.example:0443/fhir/R4/Patient", f"{MOUNT}/Patient"),
        ("//api.lab.example/fhir/R4/Patient", f"{MOUNT}/Patient"),
        ("/fhir/R4/Patient", f"{MOUNT}/Patient"),
        (" \thttps://api.lab.example/fhir/\nR4/Patient\n", f"{MOUNT}/Patient"),
        ("https://api.lab.example/fhir/RequestResult/7", f"{MOUNT}/~/fhir/RequestResult/7"),
        ("https://api.lab.example/fhir/R4x/Patient", f"{MOUNT}/~/fhir/R4x/Patient"),
        ("https://api.lab.example/fhir/R4%2FPatient", f"{MOUNT}/~/fhir/R4%2FPatient"),
        ("https://api.lab.example", f"{MOUNT}/~"),
        ("https://api.lab.example?a=1", f"{MOUNT}/~?a=1"),
        ("/downloads/1?sig=a%2Fb%3D", f"{MOUNT}/~/downloads/1?sig=a%2Fb%3D"),
        (f"{R4}/../../oauth/token", f"{MOUNT}/~/oauth/token"),
        (f"{R4}/a/..", f"{MOUNT}/"),
        (f"{R4}/%2e%2E/x", f"{MOUNT}/~/fhir/x"),
        (f"{R4}/../../../../x", f"{MOUNT}/~/x"),
        (f"{R4}\\..\\x", f"{MOUNT}/~/fhir/x"),
        ("https://api.lab.example\\fhir\\R4\\Patient\\1", f"{MOUNT}/Patient/1"),
        ("https:/api.lab.example/fhir/R4/Patient", f"{MOUNT}/Patient"),
        ("https:api.lab.example/fhir/R4/Patient", f"{MOUNT}/Patient"),
        ("https:///api.lab.example/fhir/R4/Patient", f"{MOUNT}/Patient"),
        ("HTTPS:\\\\api.lab.example\\fhir/R4/Patient", f"{MOUNT}/Patient"),
        ("/\\api.lab.example/fhir/R4/Patient", f"{MOUNT}/Patient"),
        ("\\/api.lab.example/fhir/R4/Patient", f"{MOUNT}/Patient"),
        ("\\fhir\\R4\\Patient", f"{MOUNT}/Patient"),
        (f"{R4}/Patient/1#{R4}/x", f"{MOUNT}/Patient/1#{MOUNT}/x"),
        (f"{R4}/a?b#c#https://api.lab.example/d", f"{MOUNT}/a?b#c#{MOUNT}/~/d"),
        (f"{R4}/~/x", f"{MOUNT}/~/fhir/R4/~/x"),
        (f"{R4}/%7E/x", f"{MOUNT}/~/fhir/R4/%7E/x"),
        (f"{R4}/~x", f"{MOUNT}/~x"),
    ],
)
def test_urls_on_the_origin_are_mapped_to_the_mount(url: str, expected: str) -> None:
    assert to_mount(url) == expected
    assert to_mount(expected) == expected


@pytest.mark.parametrize(
    "url",
    [
        "",
        "Patient/1",
        "#p",
        "urn:uuid:0a1b2c3d-0000-4000-8000-000000000001",
        "https://api.lab.example.evil.example/fhir/R4/Patient",
        "https://sub.api.lab.example/fhir/R4/Patient",
        "https://xapi.lab.example/fhir/R4/Patient",
        "https://api.lab.exampl/fhir/R4/Patient",
        "https://api.lab.example:8443/fhir/R4/Patient",
        "http://api.lab.example:443/fhir/R4/Patient",
        "https://user@api.lab.example/fhir/R4/Patient",
        "https://user:secret@api.lab.example/fhir/R4/Patient",
        "https://api.lab.example@evil.example/fhir/R4/Patient",
        "https://api.lab.example:x/fhir/R4/Patient",
        "https://[api.lab.example/fhir/R4/Patient",
        "https://evil.example/https://api.lab.example/fhir/R4/Patient",
        "https://evil.example?https://api.lab.example/fhir/R4/Patient",
        "ftp://api.lab.example/fhir/R4/Patient",
        "javascript://api.lab.example/fhir/R4/%0aalert(1)",
        "see https://api.lab.example/fhir/R4/Patient",
        "/\\evil.example/x",
        "https:///fhir/R4/Patient",
        "https://./fhir/R4/Patient",
        MOUNT,
        f"{MOUNT}/Patient/1",
    ],
)
def test_urls_of_other_servers_are_unchanged(url: str) -> None:
    assert to_mount(url) is url


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (MOUNT, R4),
        (f"{MOUNT}/Patient/1?a=b#c", f"{R4}/Patient/1?a=b#c"),
        (f"{MOUNT}?a", f"{R4}?a"),
        ("http://GW.example:80/labs/Patient/1", f"{R4}/Patient/1"),
        ("/labs/Patient/1", f"{R4}/Patient/1"),
        (f"{MOUNT}/~/oauth/token", "https://api.lab.example/oauth/token"),
        (f"{MOUNT}/%7e/oauth/token", "https://api.lab.example/oauth/token"),
        (f"{MOUNT}/~", "https://api.lab.example"),
        (f"{MOUNT}/~/", "https://api.lab.example/"),
        (f"{MOUNT}/~//evil.example/x", "https://api.lab.example//evil.example/x"),
        (f"{MOUNT}/~/../Patient", f"{R4}/Patient"),
        (f"{MOUNT}/~/%2e%2e/Patient", f"{R4}/Patient"),
        (f"{MOUNT}/~/a\\b", "https://api.lab.example/a/b"),
        (f"{MOUNT}/a#{MOUNT}/~/b", f"{R4}/a#https://api.lab.example/b"),
        (f"{MOUNT}/~@evil.example/x", f"{R4}/~@evil.example/x"),
        (f"{MOUNT}/.evil.example", f"{R4}/.evil.example"),
    ],
)
def test_urls_below_the_mount_are_mapped_to_the_upstream(url: str, expected: str) -> None:
    assert from_mount(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "https://gw.example/labsx/Patient",
        "https://gw.example/LABS/Patient",
        "https://gw.example/labs.evil.example/x",
        "https://gw.example/labs/../hg/Patient",
        "https://gw.example/labs/%2e%2e/hg/Patient",
        "https://gw.example/",
        "https://gw.example.evil.example/labs/Patient",
        "https://a@gw.example/labs/Patient",
        f"{R4}/Patient/1",
        "Patient/1",
    ],
)
def test_urls_beside_the_mount_are_unchanged(url: str) -> None:
    assert from_mount(url) is url


@pytest.mark.parametrize("path", ["/fhir/R4/Patient/1", "/fhir/download/1"])
def test_url_without_host_is_always_the_upstreams(path: str) -> None:
    base, mount = "https://h.example/fhir/R4", "https://gw.example/fhir"
    public = to_mount(path, base, mount)
    assert public == mount + ("/Patient/1" if "Patient" in path else "/~/fhir/download/1")
    assert to_mount(public, base, mount) == public


def test_file_below_the_base_is_below_the_tilde() -> None:
    base, mount = parse_base(R4), parse_base(MOUNT)
    url = f"{R4}/download/1?a=b"
    public = map_to_mount(base, mount, url, lambda path: path == "/Patient")
    assert public == f"{MOUNT}/~/fhir/R4/download/1?a=b"
    assert map_from_mount(base, mount, public) == url
    assert map_to_mount(base, mount, f"{R4}/Patient", lambda path: path == "/Patient") == f"{MOUNT}/Patient"


@pytest.mark.parametrize("url", [f"{R4}/{'a/../' * 20_000}", f"{MOUNT}/{'./' * 20_000}"])
def test_too_long_url_is_unchanged(url: str) -> None:
    assert (to_mount(url), from_mount(url)) == (url, url)


@pytest.mark.parametrize(
    "base",
    [
        "https://h.example",
        "https://h.example/",
        "https://h.example/fhir",
        "http://h.example:8080/fhir/3.0.1",
        "https://[2001:db8::1]:8443/fhir/R4",
        "https://h.example:443/fhir",
    ],
)
@pytest.mark.parametrize(
    "mount", ["https://gw.example/fhir", "http://127.0.0.1:8080/r4", "https://gw.example/a/b/hg"]
)
def test_every_base_and_mount_map_both_ways(base: str, mount: str) -> None:
    url = base.rstrip("/")
    assert to_mount(f"{url}/Patient/1", base, mount) == f"{mount}/Patient/1"
    assert from_mount(f"{mount}/Patient/1", base, mount) == f"{url}/Patient/1"
    assert to_mount("/other/1", base, mount) in {f"{mount}/other/1", f"{mount}/~/other/1"}


def test_mount_on_the_upstreams_own_host_is_mapped_once() -> None:
    base, mount = "https://h.example/fhir", "https://h.example/gw/labs"
    assert to_mount("https://h.example/fhir/Patient", base, mount) == "https://h.example/gw/labs/Patient"
    assert to_mount("https://h.example/gw/labs/Patient", base, mount) == "https://h.example/gw/labs/Patient"


@pytest.mark.parametrize(
    ("url", "relative"),
    [
        (f"{MOUNT}/Patient/1", "Patient/1"),
        (f"{MOUNT}/Patient?a=1#b", "Patient?a=1#b"),
        (f"{MOUNT}/a/../Patient", "Patient"),
        (MOUNT, None),
        (f"{MOUNT}/~/Patient/1", None),
        (f"{MOUNT}x/Patient/1", None),
        ("https://other.example/labs/Patient/1", None),
    ],
)
def test_only_urls_below_the_base_become_relative(url: str, relative: str | None) -> None:
    assert relative_to(parse_base(MOUNT), url) == (relative or url)


@pytest.mark.parametrize(
    ("path", "expected"), [("/~", True), ("/~/x", True), ("/%7E/x", True), ("/~x", False), ("", False)]
)
def test_origin_url_has_the_first_segment_tilde(path: str, expected: bool) -> None:
    assert is_origin_url(parse_base(MOUNT), MOUNT + path) is expected


@pytest.mark.parametrize("url", ["", "fhir/R4", "https://", "https://a b@h/x", "ftp://h/x"])
def test_base_that_is_no_http_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="not an absolute URL"):
        parse_base(url)


BASES = st.sampled_from(
    ["https://h.example/fhir/R4", "https://h.example", "http://h.example:81/fhir", "https://h.example/r/~"]
)
MOUNTS = st.sampled_from(["https://gw.example/labs", "https://gw.example/fhir", "https://h.example/labs"])
PIECES = st.sampled_from(
    ["/", "/..", "/.", "/%2e%2E", "//", "~", "%7e", "\\", "@", ":", "?", "#", "%2F", " ", "\t"]
) | st.sampled_from(["fhir", "R4", "labs", "Patient", "1", "h.example", "é"])
PATHS = st.lists(PIECES, max_size=9).map("".join)
ROOTED = PATHS.map(lambda path: path if path[:1] in {"/", "?", "#", ""} else f"/{path}")


@given(BASES, MOUNTS, ROOTED)
def test_mapping_there_and_back_gives_the_same_resource(base: str, mount: str, path: str) -> None:
    parts = parse_base(base)
    public = to_mount(parts.origin + path, base, mount)
    back = from_mount(public, base, mount)
    assert public == mount or public.startswith((f"{mount}/", f"{mount}?", f"{mount}#"))
    assert back.startswith(parts.origin)
    assert back[len(parts.origin) :][:1] in {"", "/", "?", "#"}
    if not re.search(r"\.|%2e|[\\\s]", path, re.IGNORECASE) and not back.startswith(mount):
        assert back == parts.origin + path
    assert to_mount(back, base, mount) == public
    assert to_mount(public, base, mount) == public


@given(BASES, MOUNTS, PATHS)
def test_no_url_leaves_the_origin_of_the_base(base: str, mount: str, path: str) -> None:
    url, origin = f"{mount}/~{path}", parse_base(base).origin
    up = from_mount(url, base, mount)
    if up != url:  # else its dot segments lead out of the mount, and it is not the upstream's
        assert up.startswith(origin)
        assert up[len(origin) :][:1] in {"", "/", "?", "#"}
        assert "/../" not in re.split(r"[?#]", up)[0] + "/"


@pytest.mark.parametrize(
    "piece", [" ", "/..", "/", "?", "/%2e", "\t ", "@", ":", "[", "\\", "%", "~/", "a.", "https://"]
)
@pytest.mark.parametrize("start", [R4, f"{R4}/a", "https://", ""])
def test_time_is_linear_in_the_length_of_a_url(start: str, piece: str) -> None:
    def seconds(count: int, limit: float = 0.0) -> float:
        url = f"{start}{piece * count}b"
        return least_cpu_seconds(lambda: (to_mount(url), from_mount(url)), limit)

    limit = min(0.02, 20 * seconds(2_000 // len(piece)) + 0.001)
    assert seconds(16_000 // len(piece), limit) < limit
