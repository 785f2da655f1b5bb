"""Edits replace exactly their bytes; items leave an array with one comma each."""

import json
from itertools import pairwise
from threading import Lock, Thread

from hypothesis import given
from hypothesis import strategies as st

from gateway.sql.body_edits import Edit, ascii_json_content, edited_body, json_content, removals


@given(body=st.binary(max_size=60), cuts=st.lists(st.integers(0, 60), max_size=6), new=st.binary(max_size=4))
def test_bytes_outside_the_edits_stay(body: bytes, cuts: list[int], new: bytes) -> None:
    places = sorted({min(cut, len(body)) for cut in cuts})
    edits = [Edit(start, end, (new, new)) for start, end in list(pairwise(places))[::2]]
    expected, position = b"", 0
    for start, end, _ in edits:
        expected += body[position:start] + new * 2
        position = end
    assert edited_body(body, reversed(edits)) == expected + body[position:]


@given(text=st.text(st.characters(exclude_categories=["Cs"])), size=st.integers(1, 9))
def test_the_content_of_a_string_reads_back(text: str, size: int) -> None:
    content = text.encode()
    pieces = [content[at : at + size] for at in range(0, len(content), size)]
    assert json.loads(b'"' + b"".join(json_content(pieces)) + b'"') == text


@given(texts=st.lists(st.text(st.characters(exclude_categories=["Cs"]))))
def test_the_content_in_ascii_reads_back(texts: list[str]) -> None:
    content = b"".join(ascii_json_content(text.encode() for text in texts))
    assert json.loads(content.join([b'"', b'"']).decode("ascii")) == "".join(texts)


def test_every_character_that_needs_an_escape_has_one() -> None:
    text = "".join(map(chr, range(0x100)))
    assert json.loads(b'"' + b"".join(json_content([text.encode()])) + b'"') == text
    assert b"".join(json_content([b'\n"\\'])) == b'\\n\\"\\\\'


@given(
    spaces=st.lists(st.sampled_from(["", " ", "\n\t"]), min_size=1, max_size=9),
    removed=st.sets(st.integers(0, 8)),
)
def test_items_leave_an_array_with_their_commas(spaces: list[str], removed: set[int]) -> None:
    text, spans = "[ ", []
    for index, space in enumerate(spaces):
        text += f"{space},{space}" if index else space
        spans.append((len(text), len(text) + len(f'"{index}"')))
        text += f'"{index}"'
    body = f"{text}\n]".encode()
    inside = {index for index in removed if index < len(spans)}
    result = edited_body(body, removals(spans, inside))
    assert json.loads(result) == [str(index) for index in range(len(spans)) if index not in inside]
    assert result.startswith(b"[ ")
    assert result.endswith(b"\n]")


def test_another_thread_runs_while_a_large_body_is_joined() -> None:
    """With an endless switch interval, a thread only gets the interpreter from one that gives it away.

    The machine may be too busy to run the thread at once: one join of many is enough.
    """
    assert any(_runs_during_a_join() for _ in range(1_000))


def _runs_during_a_join() -> bool:
    import sys

    gate, seen, body = Lock(), [], b"x" * 8_000_000
    gate.acquire()
    thread = Thread(target=lambda: seen.append(gate.acquire()))
    thread.start()
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1_000)
    try:
        gate.release()
        edited_body(body, [])
        return bool(seen)
    finally:
        sys.setswitchinterval(interval)
        thread.join()
