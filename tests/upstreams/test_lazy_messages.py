"""Lazy request and response: what httpx's own have, made only on access."""

import httpx
import pytest

from gateway.upstreams.lazy_messages import LazyRequest, LazyResponse

pytestmark = pytest.mark.anyio

URL = "http://upstream.example:81/a?b=c"


async def test_request_reads_like_one_of_httpx() -> None:
    lazy = LazyRequest("PUT", URL, (("host", "upstream.example:81"), ("a", "1")), b"{}", {"timeout": {}})
    plain = httpx.Request("PUT", URL, headers={"a": "1"}, content=b"{}")
    assert (lazy.method, lazy.url, lazy.content) == (plain.method, plain.url, plain.content)
    assert lazy.headers["host"] == plain.headers["host"]
    assert lazy.read() == await lazy.aread() == b"".join(lazy.stream) == b"{}"
    assert lazy.extensions == {"url": URL, "timeout": {}}


def test_request_field_outside_ascii_is_an_error_on_access() -> None:
    lazy = LazyRequest("GET", URL, (("a", "ü"),), b"", {})
    with pytest.raises(UnicodeEncodeError):
        _ = lazy.headers


async def test_response_reads_like_one_of_httpx() -> None:
    fields = [(b"Content-Type", b"application/json"), (b"A", b"1"), (b"a", b"2")]
    lazy = LazyResponse(201, fields, b'{"a":1}')
    plain = httpx.Response(201, headers=fields, content=b'{"a":1}')
    assert (lazy.status_code, lazy.is_success, lazy.json()) == (201, True, {"a": 1})
    assert lazy.headers.get_list("a") == plain.headers.get_list("a") == ["1", "2"]
    assert lazy.read() == await lazy.aread() == b"".join(lazy.stream) == lazy.content
    assert (lazy.text, lazy.extensions, lazy.is_closed) == ('{"a":1}', {}, True)
    await lazy.aclose()
