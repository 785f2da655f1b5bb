import re
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.emulator.data.identifiers import (
    healthcare_identifier,
    identifier,
    luhn_digit,
    medicare_number,
    provider_number,
)


def passes_luhn(number: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(number)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value if value < 10 else value - 9
    return total % 10 == 0


@given(st.from_regex(r"\A[0-9]{1,20}\Z"))
def test_number_with_luhn_digit_passes_luhn(digits: str) -> None:
    assert passes_luhn(f"{digits}{luhn_digit(digits)}")


def test_luhn_digit_of_standard_example_is_3() -> None:
    assert luhn_digit("7992739871") == 3


@given(st.integers(0, 10**6))
def test_medicare_number_has_test_block_and_check_digit(seed: int) -> None:
    number = medicare_number(Random(seed))
    assert re.fullmatch(r"[2-6]95\d{7}", number)
    weighted = sum(int(digit) * weight for digit, weight in zip(number[:8], (1, 3, 7, 9) * 2, strict=True))
    assert weighted % 10 == int(number[8])


@pytest.mark.parametrize("prefix", ["800360", "800361", "800362"])
@pytest.mark.parametrize("serial", [0, 1, 99_999, 123_456])
def test_healthcare_identifier_has_16_digits_and_check_digit(prefix: str, serial: int) -> None:
    number = healthcare_identifier(prefix, serial)
    assert re.fullmatch(rf"{prefix}9999\d{{6}}", number)
    assert passes_luhn(number)


@given(st.integers(0, 10**6))
def test_provider_number_ends_with_check_letter(seed: int) -> None:
    number = provider_number(Random(seed))
    stem = sum(int(digit) * weight for digit, weight in zip(number[:6], (3, 5, 8, 4, 2, 1), strict=True))
    place = "0123456789ABCDEFGHJKLMNPQRTUVWXY".index(number[6])
    assert number[7] == "YXWTLKJHFBA"[(stem + 6 * place) % 11]


def test_identifier_has_national_system() -> None:
    assert identifier("MC", "2950000001") == {
        "type": {
            "coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MC"}],
            "text": "Medicare Number",
        },
        "system": "http://ns.electronichealth.net.au/id/medicare-number",
        "value": "2950000001",
    }
