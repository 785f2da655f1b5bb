import pytest

from gateway.validation.json_text import NotJsonError, ObjectWithDuplicates, decode_json


def test_valid_json_is_decoded() -> None:
    assert decode_json(b'{"a": [1, -2.5, null, true, "\xc3\xbc"]}') == {"a": [1, -2.5, None, True, "ü"]}


def test_object_with_duplicate_name_is_marked() -> None:
    value = decode_json(b'{"a": {"b": 1, "b": 2}, "c": {}}')
    assert isinstance(value["a"], ObjectWithDuplicates)
    assert value["a"] == {"b": 2}
    assert not isinstance(value, ObjectWithDuplicates)
    assert not isinstance(value["c"], ObjectWithDuplicates)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        (b"{", "line 1, column 2"),
        (b'{\n"secret": }', "line 2, column 11"),
        (b"\xff{}", "UTF-8"),
        (b"NaN", "NaN"),
        (b"[-Infinity]", "NaN"),
        (b"[" * 1_000_000, "nested too deeply"),
        (b'{"a":' * 1_000_000, "nested too deeply"),
    ],
)
def test_error_for_invalid_json_has_reason_without_content(text: bytes, reason: str) -> None:
    with pytest.raises(NotJsonError, match=reason) as error:
        decode_json(text)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize("digits", ["9" * 100_000, "-" + "9" * 100_000, "1e999", "0." + "1" * 100_000])
def test_long_number_is_decoded_as_float(digits: str) -> None:
    assert isinstance(decode_json(digits.encode()), float)


def test_integers_are_exact() -> None:
    assert decode_json(b"[2147483648, -2147483648]") == [2_147_483_648, -2_147_483_648]
