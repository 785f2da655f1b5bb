"""A text that is changed by a byte is proved only where it means the same batch, judged by sqlglot."""

from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st
from sql.batches import TEXTS, batch_of, text_of
from sql.third_readers import reading_of, sqlglot_reading

from gateway.sql.batch import Batch
from gateway.sql.proof import is_proved

BATCH = batch_of(b"\x0a\xb1", "a'\\\nb\x00", procedure=("db", "", "p]x"))
TEXT = text_of(BATCH)
#: Bytes that are inserted, or stand in for another.
BYTES = b"'\"[]()@,;.=+-*/\\#$%{}:! \t\r\n\v\x00\x1a019aAnNxX_\x7f\x80\xa0\xc2\xe2\xff"


def mutations(text: bytes) -> Iterator[bytes]:
    """Every text that is one byte away: one deleted, inserted, replaced or doubled, or one bit flipped."""
    for at in range(len(text)):
        before, after = text[:at], text[at + 1 :]
        yield before + after
        yield before + text[at : at + 1] * 2 + after
        for byte in BYTES:
            yield before + bytes([byte]) + text[at:]
            yield before + bytes([byte]) + after
        for bit in range(8):
            yield before + bytes([text[at] ^ 1 << bit]) + after


def test_text_a_byte_away_is_the_same_or_not_proved() -> None:
    proved = {text for text in mutations(TEXT) if is_proved(text, BATCH)} - {TEXT}
    for text in proved:
        assert sqlglot_reading(text) == reading_of(BATCH), text
        assert only_spaces_and_case_differ(text, TEXT), text
    assert len(proved) > 100


def only_spaces_and_case_differ(one: bytes, other: bytes) -> bool:
    left, right = (bytes(byte for byte in text.lower() if byte not in b" \t\r\n") for text in (one, other))
    return left == right


@settings(max_examples=300)
@given(
    st.lists(TEXTS | st.binary(max_size=20), min_size=1, max_size=2),
    st.lists(
        st.tuples(st.floats(0, 1), st.integers(0, 3), st.sampled_from(BYTES) | st.integers(0, 255)),
        min_size=1,
        max_size=3,
    ),
)
def test_text_some_bytes_away_means_the_same(
    values: list[str | bytes], changes: list[tuple[float, int, int]]
) -> None:
    batch = batch_of(*values)
    original = text = text_of(batch)
    for place, length, byte in changes:
        at = int(place * len(text))
        text = text[:at] + bytes([byte]) * (length != 1) + text[at + length :]
    if is_proved(text, batch) and text != original:
        assert sqlglot_reading(text) == reading_of(batch)


@given(st.lists(TEXTS | st.binary(max_size=20), min_size=1, max_size=2), st.data())
def test_part_of_a_text_is_the_same_or_not_proved(values: list[str | bytes], data: st.DataObject) -> None:
    batch = batch_of(*values)
    text = text_of(batch)
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start, len(text)))
    part = text[:start] + text[end:]
    if is_proved(part, batch):
        assert not text[start:end].strip(b"\n ")
        assert sqlglot_reading(part) == reading_of(batch)


def test_two_texts_are_not_one_batch() -> None:
    other: Batch = batch_of(b"\x0a\xb2", "a'\\\nb\x00", procedure=BATCH.procedure)
    assert is_proved(text_of(other), other)
    assert not is_proved(text_of(other), BATCH)
    assert not is_proved(TEXT + text_of(other), BATCH)
    assert not is_proved(text_of(other) + TEXT, BATCH)
