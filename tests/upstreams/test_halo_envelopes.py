"""Halo's own forms of error bodies."""

import msgspec
import pytest

from gateway.upstreams.error_body import parse_upstream_error
from gateway.upstreams.halo_envelopes import FAILED_STATES, HALO_ENVELOPES


@pytest.mark.parametrize("state", FAILED_STATES)
def test_failed_state_of_a_query_is_an_error(state: str) -> None:
    error = parse_upstream_error(msgspec.json.encode({"status": state}), HALO_ENVELOPES)
    assert (error.shape, error.error_code, error.is_error) == ("state", state, True)


def test_error_of_a_query_stands_before_its_state() -> None:
    body = b'{"status":"uploadFailed","errorCode":5,"errorMessage":"No"}'
    assert parse_upstream_error(body, HALO_ENVELOPES).shape == "root"


def test_other_state_of_a_query_is_no_error() -> None:
    body = b'{"status":"executing","errorCode":null,"errorMessage":""}'
    assert not parse_upstream_error(body, HALO_ENVELOPES).is_error
