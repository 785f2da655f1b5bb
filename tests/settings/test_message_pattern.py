"""Operators' regular expressions for upstream messages."""

import re

import pytest
from pydantic import TypeAdapter, ValidationError
from support.cpu_time import least_cpu_seconds

from gateway.resilience.pause_rules import RULES
from gateway.settings.message_pattern import MessagePattern

PATTERN = TypeAdapter(MessagePattern)


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "closed for lunch",
        r"\baway\b.{0,60}\bthat date\b",
        "quota|limit|exceeded",
        r"a\*b\+ \[c\]{2} 3\.5\?",
        "[*+]{1,5} of [^]*]",
        "(?i:subscription ?key)s?",
        "(?P<what>practice|site) (?:is )?(?=down)",
        ".{0,30}?x.{0,30}",
        "[0-9]{1,5}kB of {braces} and {}",
        *(rule.message_pattern for rule in RULES),
    ],
)
def test_pattern_with_few_ways_is_valid(pattern: str) -> None:
    assert PATTERN.validate_python(pattern) == pattern


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+$",
        "a.*b",
        "a+b",
        "x{2,}",
        "x{,}",
        "(a|ab){0,60}c",
        "(a{1,9}){3}b",
        ".{0,60}.{0,60}x",
        "x.{0,9999}y",
        "a?" * 20 + "b",
        r"\\*",
        r"[a]*b",
        "a*+b",
    ],
)
def test_pattern_that_can_take_long_is_refused(pattern: str) -> None:
    with pytest.raises(ValidationError, match=r"write \{0,60\} instead"):
        PATTERN.validate_python(pattern)


@pytest.mark.parametrize("pattern", ["(a", "[", "*", "(?P<1>a)", "a{9999999999999999999}", "(" * 400])
def test_pattern_that_is_none_is_refused(pattern: str) -> None:
    with pytest.raises(ValidationError, match="must be a regular expression"):
        PATTERN.validate_python(pattern)


@pytest.mark.parametrize("pattern", ["x?", "a|", "()", "^", r"\b|", ".{0,5}"])
def test_pattern_that_matches_every_message_is_refused(pattern: str) -> None:
    with pytest.raises(ValidationError, match="every message"):
        PATTERN.validate_python(pattern)


def test_length_of_a_pattern_is_limited() -> None:
    assert PATTERN.validate_python("x" * 500)
    with pytest.raises(ValidationError):
        PATTERN.validate_python("x" * 501)


@pytest.mark.parametrize("pattern", [".{0,30}.{0,30}y", "x?" * 9 + "y", "x{0,900}y"])
def test_slowest_pattern_takes_less_than_a_second(pattern: str) -> None:
    PATTERN.validate_python(pattern)
    seconds = least_cpu_seconds(lambda: re.search(pattern, "x" * 8_000, re.IGNORECASE), 1)
    print(f"{pattern}: {seconds * 1000:.0f} ms")
    assert seconds < 1
