"""Origins: which texts are one, and which are the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.http.origins import parse_origin

HOSTS = st.from_regex(r"[a-z][a-z0-9-]{0,20}(\.[a-z][a-z0-9-]{0,20}){0,3}", fullmatch=True)
SCHEMES = st.sampled_from(["http", "https"])
PORTS = st.one_of(st.none(), st.integers(1, 65_535))
DEFAULTS = {"http": 80, "https": 443}


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://app.example.com.au", "https://app.example.com.au"),
        ("HTTPS://App.Example.COM.au:443", "https://app.example.com.au"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://localhost:80", "http://localhost"),
        ("https://localhost:80", "https://localhost:80"),
        ("http://127.0.0.1:0080", "http://127.0.0.1"),
        ("http://[0:0:0:0:0:0:0:1]:3000", "http://[::1]:3000"),
        ("https://xn--r8jz45g.example", "https://xn--r8jz45g.example"),
    ],
)
def test_origin_is_written_as_browsers_write_it(text: str, origin: str) -> None:
    assert parse_origin(text) == origin


@pytest.mark.parametrize(
    "text",
    [
        *("", "*", "null", "app.example.com", "//app.example.com", "https:app.example.com", "https://"),
        *(
            "https://app.example.com/",
            "https://app.example.com/app",
            "https://app.example.com?x",
            "https://a#x",
        ),
        *(
            "https://user@app.example.com",
            "https://*.example.com",
            "https://a..b",
            "https://a.",
            "https://.a",
        ),
        *("https://a:", "https://a:0", "https://a:00000", "https://a:65536", "https://a:x", "https://a:-1"),
        *(
            "https://[::1",
            "https://::1",
            "https://[::g]",
            "https://[1.2.3.4]",
            "https://1.2.3",
            "https://0x7f.1",
        ),
        *(
            "https://1.2.3.256",
            "https://例え.example",
            "https://\u212a.example",
            "file://a",
            "javascript://a",
        ),
        *(" https://a", "https://a ", "https://a\n", "https://a, https://b", "https://a https://b"),
        "https://" + "a." * 140 + "a",
    ],
)
def test_other_text_is_no_origin(text: str) -> None:
    assert parse_origin(text) is None


@given(SCHEMES, HOSTS, PORTS, st.data())
def test_case_and_default_port_make_no_difference(
    scheme: str, host: str, port: int | None, data: st.DataObject
) -> None:
    origin = parse_origin(f"{scheme}://{host}" + (f":{port}" if port else ""))
    assert origin
    assert parse_origin(origin) == origin
    spelt = "".join(data.draw(st.sampled_from([each, each.upper()])) for each in origin)
    assert parse_origin(spelt) == origin
    if port in {None, DEFAULTS[scheme]}:
        assert parse_origin(f"{scheme}://{host}:{DEFAULTS[scheme]}") == origin == f"{scheme}://{host}"


@given(st.tuples(SCHEMES, HOSTS, PORTS), st.tuples(SCHEMES, HOSTS, PORTS))
def test_only_same_scheme_host_and_port_are_equal(
    one: tuple[str, str, int | None], other: tuple[str, str, int | None]
) -> None:
    def text(parts: tuple[str, str, int | None]) -> str:
        return f"{parts[0]}://{parts[1]}" + (f":{parts[2]}" if parts[2] else "")

    def triple(parts: tuple[str, str, int | None]) -> tuple[str, str, int]:
        return parts[0], parts[1], parts[2] or DEFAULTS[parts[0]]

    assert (parse_origin(text(one)) == parse_origin(text(other))) is (triple(one) == triple(other))


@given(st.text())
def test_any_text_is_parsed_without_an_error(text: str) -> None:
    origin = parse_origin(text)
    assert origin is None or parse_origin(origin) == origin
