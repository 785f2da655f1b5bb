"""CPU time of checking a large response and of generating the emulator's data."""

from time import process_time

import pytest
from support.requests import fhir_request

from benchmarks.measure import print_aim
from gateway.emulator.data.practice_data import generate_practice_data
from gateway.emulator.settings import EmulatorSettings
from gateway.emulator.sites import BRISBANE, SITES
from gateway.exchange import FhirResponse
from gateway.upstreams.response_check import ResponseCheck

pytestmark = pytest.mark.bench
JSON = (("content-type", "application/fhir+json"),)


def test_bundle_of_8_mb_is_checked_fast() -> None:
    body = b'{"resourceType":"Bundle","type":"searchset","entry":[' + b'{"a":1},' * 1_000_000 + b"{}]}"
    check, start = ResponseCheck(fhir_request("Patient"), FhirResponse(200, JSON, body)), process_time()
    assert all(check.is_acceptable for _ in range(100))
    print_aim("checking a Bundle of 8 MB, ms", (process_time() - start) * 10, 10)


def test_default_practice_data_is_generated_fast() -> None:
    start = process_time()
    generate_practice_data(SITES[BRISBANE], EmulatorSettings())
    print_aim("the emulator's default practice, s", process_time() - start, 1.5)
