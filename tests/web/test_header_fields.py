"""Header fields of a request, decoded once."""

import pytest
from starlette.datastructures import Headers

from gateway.web.header_fields import DecodedRequest, HeaderFields

RAW = [(b"host", b"a"), (b"accept", b"x"), (b"accept", b"\xe4"), (b"prefer", b"")]


@pytest.mark.parametrize("name", ["host", "Accept", "accept", "prefer", "missing", "\xe4"])
def test_fields_are_those_of_starlette(name: str) -> None:
    fields, usual = HeaderFields(RAW), Headers(raw=RAW)
    assert fields.get(name) == usual.get(name)
    assert fields.get(name, "none") == usual.get(name, "none")
    assert fields.getlist(name) == usual.getlist(name)
    assert (name in fields) == (name in usual)


def test_all_fields_are_in_order() -> None:
    fields, usual = HeaderFields(RAW), Headers(raw=RAW)
    assert fields.items() == usual.items()
    assert (list(fields), fields.raw, fields["accept"]) == (list(usual), usual.raw, usual["accept"])
    with pytest.raises(KeyError):
        fields["missing"]


def test_request_decodes_its_fields_once() -> None:
    request = DecodedRequest({"type": "http", "headers": RAW})
    assert request.headers is request.headers
    assert request.headers == Headers(raw=RAW)
