"""Australian health identifiers with valid check digits, from number blocks recognisable as synthetic."""

from itertools import cycle
from random import Random
from typing import Any, Final

_LOCATION_CODES: Final = "0123456789ABCDEFGHJKLMNPQRTUVWXY"
_PROVIDER_CHECK_LETTERS: Final = "YXWTLKJHFBA"


def luhn_digit(digits: str) -> int:
    """Return the check digit that completes `digits` under ISO/IEC 7812-1 (Luhn)."""
    doubled = (int(digit) * weight for digit, weight in zip(reversed(digits), cycle((2, 1)), strict=False))
    return -sum(value // 10 + value % 10 for value in doubled) % 10


def medicare_number(rng: Random) -> str:
    """Make a ten-digit Medicare number: vendor tests' `x95` block, serial, weighted check digit, issue 1."""
    stem = f"{rng.randint(2, 6)}95{rng.randrange(10**5):05}"
    check = sum(int(digit) * weight for digit, weight in zip(stem, (1, 3, 7, 9) * 2, strict=True)) % 10
    return f"{stem}{check}1"


def healthcare_identifier(prefix: str, serial: int) -> str:
    """16 digits: prefix 800360 (person), 800361 (provider) or 800362 (organisation), 9999, serial, Luhn."""
    stem = f"{prefix}9999{serial % 10**5:05}"
    return f"{stem}{luhn_digit(stem)}"


def provider_number(rng: Random) -> str:
    """Make a Medicare provider number: stem, practice location, check letter."""
    stem, location = f"9{rng.randrange(10**5):05}", rng.randrange(len(_LOCATION_CODES))
    total = sum(int(digit) * weight for digit, weight in zip(stem, (3, 5, 8, 4, 2, 1), strict=True))
    return f"{stem}{_LOCATION_CODES[location]}{_PROVIDER_CHECK_LETTERS[(total + location * 6) % 11]}"


_IDENTIFIER_SYSTEMS: Final = {
    "MC": ("http://ns.electronichealth.net.au/id/medicare-number", "Medicare Number"),
    "NI": ("http://ns.electronichealth.net.au/id/hi/ihi/1.0", "IHI"),
    "NPI": ("http://ns.electronichealth.net.au/id/hi/hpii/1.0", "HPI-I"),
    "NOI": ("http://ns.electronichealth.net.au/id/hi/hpio/1.0", "HPI-O"),
    "UPIN": ("http://ns.electronichealth.net.au/id/medicare-provider-number", "Medicare Provider Number"),
}
_AUSTRALIAN_TYPES: Final = {"NOI"}


def identifier(kind: str, value: str) -> dict[str, Any]:
    """Build an AU Base 4.1 Identifier; `kind` is the type code of HL7 v2 table 0203 or its AU extension."""
    system, text = _IDENTIFIER_SYSTEMS[kind]
    table = (
        "http://terminology.hl7.org.au/CodeSystem/v2-0203"
        if kind in _AUSTRALIAN_TYPES
        else "http://terminology.hl7.org/CodeSystem/v2-0203"
    )
    return {
        "type": {"coding": [{"system": table, "code": kind}], "text": text},
        "system": system,
        "value": value,
    }
