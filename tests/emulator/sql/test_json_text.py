import json

from gateway.emulator.sql.json_text import encode_json, sql_json_response


def test_lone_surrogates_survive_encoding() -> None:
    assert encode_json(["\ud800é", None]) == b'["\\ud800\\u00e9",null]'
    assert json.loads(encode_json("\udfff")) == "\udfff"


def test_response_is_json_with_status_and_headers() -> None:
    response = sql_json_response({"a": 1}, 201, {"Size": "7"})
    assert (response.status_code, response.body, response.headers["size"]) == (201, b'{"a":1}', "7")
    assert response.headers["content-type"] == "application/json; charset=utf-8"
