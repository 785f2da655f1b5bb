from pathlib import Path

import msgspec
import pytest

from gateway.plugins.recordings import Exchange, read_exchanges

RIGHT = {"request": "GET Slot?status=free", "shows": "right", "body": {"resourceType": "Bundle"}}


def test_file_of_exchanges_is_read(tmp_path: Path) -> None:
    file = tmp_path / "exchanges.json"
    file.write_bytes(msgspec.json.encode([RIGHT | {"request_headers": {"Prefer": "a"}, "status": 201}]))
    (exchange,) = read_exchanges(file)
    request, response = exchange.as_request(), exchange.as_response()
    assert request.upstream_url == "https://upstream.example/fhir/Slot?status=free"
    assert request.header("prefer") == "a"
    assert (response.status, response.body) == (201, b'{"resourceType":"Bundle"}')
    assert request.interaction.type == "Slot"
    assert str(exchange) == "GET Slot?status=free (right)"


@pytest.mark.parametrize(
    "text", ["{}", "[{}]", "no JSON", '[{"request": "GET Slot", "shows": "maybe"}]', '[{"a": 1}]']
)
def test_malformed_file_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "exchanges.json"
    file.write_text(text)
    with pytest.raises(ValueError, match=r"exchanges\.json: "):
        read_exchanges(file)


def test_request_that_is_not_fhir_is_refused() -> None:
    with pytest.raises(ValueError, match="is no interaction of FHIR: write, for example"):
        Exchange(request="Slot", shows="right").as_request()
