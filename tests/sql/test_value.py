"""Values are spans of the body: text with all its UTF-16 units, bytes out of hexadecimal digits or base64."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.sql.json_skeleton import JsonString, Skeleton
from gateway.sql.reasons import Reason, UnsuitableError
from gateway.sql.value import BinaryValue, TextValue


def string_of(text: str, piece: int = 65_536) -> JsonString:
    body = json.dumps({"v": text}).encode()
    skeleton = Skeleton(body, piece)
    string = skeleton.string(skeleton.fields()["v"])
    assert string is not None
    return string


def binary(text: str, piece: int = 65_536) -> bytes | Reason:
    try:
        return b"".join(BinaryValue(string_of(text, piece)).pieces())
    except UnsuitableError as problem:
        return problem.reason


@given(content=st.binary(max_size=300), piece=st.integers(12, 40))
def test_both_encodings_give_the_bytes_however_cut(content: bytes, piece: int) -> None:
    encoded = base64.b64encode(content).decode()
    if not encoded.startswith(("0x", "0X")):
        assert binary(encoded, piece) == content
    assert binary("0x" + content.hex(), piece) == content
    assert binary("0x" + content.hex().upper(), piece) == content
    assert BinaryValue(string_of("0x" + content.hex(), piece)).bytes() == len(content)


@given(text=st.text(st.sampled_from("AQg+/=-_ \n0xXé"), max_size=24), piece=st.integers(12, 20))
def test_what_is_neither_is_refused(text: str, piece: int) -> None:
    found = binary(text, piece)
    if isinstance(found, bytes):
        assert text in {base64.b64encode(found).decode(), f"0x{found.hex()}"}
    else:
        assert found is Reason.BINARY_ENCODING


@pytest.mark.parametrize(
    "text",
    [
        "0x1", "0xgg", "0x 01", "0X010203", "0xAB==", "0xZZ", "QQ", "QQ=", "QR==", "QUJDRA==QUJD", "=QQ=",
        "QQ==\n", "Q Q=", "QQ-_", "😀", "\x00", "QUJD=",
    ],
)  # fmt: skip
def test_a_doubtful_encoding_is_refused(text: str) -> None:
    assert binary(text) is Reason.BINARY_ENCODING


def test_padding_before_the_end_is_refused_where_pieces_meet() -> None:
    assert binary("QUJDQUJDQQ==QUJD", piece=12) is Reason.BINARY_ENCODING


def test_an_escaped_solidus_in_base64_is_one_character() -> None:
    body = rb'{"v":"\/\/\/\/"}'
    skeleton = Skeleton(body)
    string = skeleton.string(skeleton.fields()["v"])
    assert string is not None
    assert b"".join(BinaryValue(string).pieces()) == base64.b64decode("////")


@given(text=st.text(st.characters(), max_size=60), piece=st.integers(12, 30))
def test_units_and_bytes_of_a_text_are_counted(text: str, piece: int) -> None:
    value, whole = TextValue(string_of(text, piece)), json.loads(json.dumps(text))
    assert value.units() == len(whole.encode("utf-16-le", "surrogatepass")) // 2
    assert value.code_page_bytes() == (value.units(), len(whole.encode("utf-8", "surrogatepass")))


@pytest.mark.parametrize(
    ("text", "declares"),
    [
        ('<?xml version="1.0" encoding="utf-8"?><a/>', True),
        ('\ufeff  <?xml version="1.0"\n encoding="utf-16"?><a/>', True),
        ('<?xml version="1.0"?><a encoding="b"/>', False),
        ("<a>encoding</a>", False),
        ("", False),
        (f'<?xml version="1.0"{" " * 200_000}encoding="utf-8"?><a/>', True),
        (f'{" " * 70_000}<?xml version="1.0" encoding="utf-8"?><a/>', True),
        (f'<?xml version="1.0"{" " * 200_000}?><a encoding="b"/>', False),
        (f"<?xml {'x' * 70_000}", True),
        (f"{'x' * 70_000}<?xml encoding", False),
    ],
    ids=range(10),
)
def test_xml_that_names_its_encoding_is_recognised(text: str, declares: bool) -> None:
    assert TextValue(string_of(text)).declares_encoding() is declares
