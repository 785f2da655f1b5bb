"""Targets of raw request paths."""

from urllib.parse import unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.errors.failure import Failure
from gateway.http.request_path import (
    Target,
    async_status_path,
    path_below_base,
    path_below_mount,
    path_segments,
    target_from_path,
    unchanged_path_below_mount,
    without_mount,
)

GUID = "0a1b2c3d-0000-4000-8000-00000000000a"


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (f"/integrator/sites/{GUID}/fhir/R4/Patient/1", Target("integrator", GUID, "Patient/1")),
        (f"/integrator/sites/{GUID.upper()}/fhir/R4/Patient/", Target("integrator", GUID, "Patient")),
        (f"/desktop/sites/{GUID}/fhir/R4", Target("desktop", GUID, "")),
        (
            f"/integrator/sites/{GUID}/fhir/R4/Patient/1/%24summary",
            Target("integrator", GUID, "Patient/1/$summary"),
        ),
        ("/fhir/R4/Patient", Target("", "", "Patient")),
        ("/integrator/token", Target("integrator", "", "integrator/token")),
        (f"/integrator/sites/{GUID}", Target("integrator", "", f"integrator/sites/{GUID}")),
    ],
)
def test_path_is_rebuilt_from_its_segments(raw: str, expected: Target) -> None:
    assert target_from_path(raw) == expected


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (f"/integrator/sites/{GUID}/fhir/R4/../../x", "bad-path"),
        (f"/integrator/sites/{GUID}/fhir/R4/%2e%2e/x", "bad-path"),
        (f"/integrator/sites/{GUID}/fhir/R4/Patient%2f1", "bad-path"),
        (f"/integrator/sites/{GUID}/fhir/R4/Patient%5C1", "bad-path"),
        (f"/integrator/sites/{GUID}/fhir/R4//Patient", "bad-path"),
        (f"/integrator/sites/{GUID}/fhir/R4/Patient/%zz", "bad-path"),
        (f"/integrator/sites/{GUID}/fhir/R4/Patient/%", "bad-path"),
        (f"/integrator/sites/{GUID}/fhir/R4/Patient/%252e%252e", "bad-path"),
        (f"/integrator/sites/{GUID}/fhir/R4/Patient/1%00", "bad-path"),
        (f"/integrator/sites/{GUID}/fhir/R4/Pat%20ient", "unknown-path"),
        (f"/integrator/sites/{GUID}/fhir/R4/Pat@ient", "unknown-path"),
        ("/integrator/sites/not-a-guid/fhir/R4/Patient", "bad-guid"),
        ("/integrator/sites/not-a-guid", "bad-guid"),
        (f"/integrator/sites/{GUID}0/fhir/R4/Patient", "bad-guid"),
    ],
)
def test_malformed_path_is_rejected(raw: str, code: str) -> None:
    with pytest.raises(Failure) as failure:
        target_from_path(raw)
    assert failure.value.kind.code == code


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        ("/hg", ""),
        ("/hg/", ""),
        ("/hg/Patient/1", "Patient/1"),
        ("/hg/Patient/", "Patient"),
        ("/hg/~/a", "~/a"),
    ],
)
def test_mount_is_removed_from_path(raw: str, path: str) -> None:
    assert path_below_mount(raw, "/hg") == path


@pytest.mark.parametrize("raw", ["/hg/../x", "/hg/a%2fb", "/hg//x", "/hg/%zz", "/hg/a b"])
def test_malformed_path_below_mount_is_rejected(raw: str) -> None:
    with pytest.raises(Failure):
        path_below_mount(raw, "/hg")


@pytest.mark.parametrize(
    "path",
    [
        *(
            "",
            "/",
            "a%20b",
            "a/",
            "//a",
            "O'Brien@x,+y:(z)$!*;=&",
            "%e2%82%ac",
            "%E2%82%AC",
            "a%2fb",
            "100%25",
        ),
        *("...", ".a", "a..b", "a;..", "~a", "%7Ea", "[a]|{b}^`<c>", "%2525"),
    ],
)
def test_safe_path_is_returned_byte_for_byte(path: str) -> None:
    assert unchanged_path_below_mount(f"/hg/{path}", "/hg") == path
    assert unchanged_path_below_mount(f"/hg/~/{path}", "/hg") == f"~/{path}"
    assert path_below_mount(f"/hg/%7E/{path}", "/hg") == f"~/{path}"


_UNSAFE = [
    *(
        "..",
        ".",
        "%2e",
        "%2E%2e",
        ".%2E",
        "..;a",
        "..%3Ba",
        "%20..",
        "..%20",
        "..%2fa",
        "%252e%252e",
        "%25252e",
    ),
    *(
        "\\",
        "%5c",
        "%255C",
        "%00",
        "%1f",
        "%7f",
        "%C2%80",
        "%2500",
        "%",
        "%2",
        "%zz",
        "%ff",
        "%c0%ae",
        "a#b",
        "a?b",
    ),
    *("a b", "é", "\n", "%25252525", "\ufffd"),
]


@pytest.mark.parametrize("place", ["{}", "a/{}", "{}/a", "a/{}/a", "~/{}", "%7e/{}/a"])
@pytest.mark.parametrize("part", _UNSAFE)
def test_unsafe_path_is_rejected_wherever_the_part_is(part: str, place: str) -> None:
    with pytest.raises(Failure, match="bad-path") as failure:
        unchanged_path_below_mount("/hg/" + place.format(part), "/hg")
    assert "dot segment" in failure.value.text


@given(st.lists(st.sampled_from(list("/.%25eEfFc0;a~\\")), max_size=14).map("".join))
def test_no_reading_of_a_passed_path_leaves_its_folder(text: str) -> None:
    try:
        path = unchanged_path_below_mount(f"/hg/{text}", "/hg")
    except Failure:
        return
    for _ in range(10):
        assert not {".", ".."} & {*path.replace("\\", "/").split("/")}
        path = unquote(path)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("~/fhir/R4", ""),
        ("~/fhir/R4/", ""),
        ("~/fhir/R4/Patient/1", "Patient/1"),
        ("~/fhir%2F%52%34/Patient/%24x", "Patient/$x"),
        ("~/fhir/R4x/Patient", "~/fhir/R4x/Patient"),
        ("~/fhir/Patient", "~/fhir/Patient"),
        ("Patient", "Patient"),
        ("~", "~"),
    ],
)
def test_path_on_the_origin_below_the_base_is_fhir(path: str, expected: str) -> None:
    assert path_below_base(path, "https://api.example/fhir/R4") == expected
    assert path_below_base(path, "https://api.example") == path


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("https://api.example/fhir/RequestResult/7f", "/fhir/RequestResult/7f"),
        ("/fhir/RequestResult/7f", "/fhir/RequestResult/7f"),
        ("/RequestResult/7f", ""),
        ("/fhir/R4/RequestResult/7f", ""),
        ("/a/fhir/RequestResult/7f", ""),
        ("/fhir/RequestResult/..", ""),
        ("http://[", ""),
        ("//elsewhere.example/fhir/RequestResult/7f", ""),
        ("http://api.example/fhir/RequestResult/7f", ""),
        ("https://api.example:444/fhir/RequestResult/7f", ""),
        ("https://api.example/fhir/RequestResult", ""),
        ("https://api.example/fhir/RequestResult/a/b", ""),
        ("https://api.example/admin", ""),
        ("", ""),
    ],
)
def test_status_path_requires_the_same_origin(url: str, path: str) -> None:
    assert async_status_path("https://api.example/fhir/R4", url) == path


@given(st.text("/.a$~-", max_size=12))
@example("/a/./a")
@example("/a/..")
@example("/a//a/")
def test_plain_and_escaped_paths_have_equal_segments(raw: str) -> None:
    def segments_or_kind(path: str) -> object:
        try:
            return path_segments(path)
        except Failure as failure:
            return failure.kind

    assert segments_or_kind(raw) == segments_or_kind(raw.replace("a", "%61"))
    assert segments_or_kind(f"/a{raw}") == segments_or_kind(f"/%61{raw}")


@pytest.mark.parametrize(
    ("raw", "mount", "expected"),
    [
        ("/integrator/sites", "", "/integrator/sites"),
        ("/two/a/b", "/two", "/a/b"),
        ("/%74wo/a/b", "/two", "/a/b"),
        ("/tw%6F", "/two", ""),
        ("/two/", "/two", "/"),
    ],
)
def test_mount_is_removed_however_it_is_written(raw: str, mount: str, expected: str) -> None:
    assert without_mount(raw, mount) == expected


@pytest.mark.parametrize("raw", ["/two%2Fa", "/three/a", "//two/a", "two%"])
def test_path_of_another_mount_is_rejected(raw: str) -> None:
    with pytest.raises(Failure, match="bad-path"):
        without_mount(raw, "/two")
