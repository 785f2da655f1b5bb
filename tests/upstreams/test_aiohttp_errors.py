"""Errors of aiohttp: kind and reason."""

import errno

import aiohttp
import pytest

from gateway.upstreams.aiohttp_errors import error_kind


@pytest.mark.parametrize(
    ("number", "code", "reason"),
    [
        (errno.ENETUNREACH, "upstream-connect", "ENETUNREACH"),
        (errno.ETIMEDOUT, "upstream-connect-timeout", "ETIMEDOUT"),
        (0, "upstream-connect", "unknown"),
    ],
)
def test_error_of_the_operating_system_has_its_name(number: int, code: str, reason: str) -> None:
    error = aiohttp.ClientConnectorError(None, OSError(number, "Zzyzx"))  # type: ignore[arg-type]
    kind, found = error_kind(error)
    assert (kind.code, found) == (code, reason)
