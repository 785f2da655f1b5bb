"""W3C Trace Context: what of a client's fields is taken up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.trace_context import TraceContext, read_context

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
VALID = f"00-{TRACE}-{PARENT}-01"


@pytest.mark.parametrize(
    ("traceparent", "is_sampled"),
    [
        (VALID, True),
        (f"00-{TRACE}-{PARENT}-00", False),
        (f"00-{TRACE}-{PARENT}-03", True),
        (f"00-{TRACE}-{PARENT}-02", False),
        (f"01-{TRACE}-{PARENT}-01", True),
        (f"cc-{TRACE}-{PARENT}-01-what-comes-later", True),
    ],
)
def test_valid_traceparent_is_taken_up(traceparent: str, is_sampled: bool) -> None:
    assert read_context(traceparent) == TraceContext(TRACE, PARENT, is_sampled)


@pytest.mark.parametrize(
    "traceparent",
    [
        "",
        "Zzyzx",
        VALID.upper(),
        f" {VALID}",
        f"{VALID}\n",
        f"{VALID}-more",
        f"00-{TRACE}-{PARENT}",
        f"00-{TRACE}-{PARENT}-1",
        f"00-{TRACE[1:]}-{PARENT}-01",
        f"00-{TRACE}-{PARENT[1:]}-01",
        f"00-{TRACE[:-1]}g-{PARENT}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-{PARENT}-01",
        f"0-{TRACE}-{PARENT}-01",
        f"01-{TRACE}-{PARENT}-01-{'a' * 300}",
        f"{VALID},{VALID}",
    ],
)
def test_invalid_traceparent_is_no_parent(traceparent: str) -> None:
    assert read_context(traceparent, "vendor=1") is None


@pytest.mark.parametrize(
    ("state", "is_kept"),
    [
        ("", False),
        ("vendor=1", True),
        ("rojo=00f067aa0ba902b7,tenant@system=t61", True),
        ("a=1, b=2", True),
        (",".join(f"k{number}=1" for number in range(32)), True),
        (",".join(f"k{number}=1" for number in range(33)), False),
        (f"a={'1' * 255}", True),
        (f"a={'1' * 257}", False),
        (f"a={'1' * 250},b={'1' * 250},c={'1' * 10}", False),
        ("a=1,a=2", False),
        ("A=1", False),
        ("a=", False),
        ("a", False),
        ("a=1\r\nx: y", False),
        ("a=ü", False),
    ],
)
def test_tracestate_is_bounded_and_checked(state: str, is_kept: bool) -> None:
    context = read_context(VALID, state)
    assert context is not None
    assert context.state == (state if is_kept else "")


@given(st.text(max_size=80), st.text(max_size=80))
def test_any_text_is_read_without_an_error(traceparent: str, tracestate: str) -> None:
    context = read_context(traceparent, tracestate)
    assert context is None or len(context.trace_id) == 32


def test_fields_name_the_span_as_the_parent() -> None:
    context = TraceContext(TRACE, PARENT, True, "vendor=1")
    assert context.header_fields == (("traceparent", VALID), ("tracestate", "vendor=1"))
    assert read_context(*(value for _, value in context.header_fields)) == context
    child = context.child("b7ad6b7169203331")._replace(is_sampled=False, state="")
    assert child.header_fields == (("traceparent", f"00-{TRACE}-b7ad6b7169203331-00"),)
    assert TraceContext().header_fields == ()
