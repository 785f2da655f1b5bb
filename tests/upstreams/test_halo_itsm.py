from typing import Any

import pytest
from support.dialects import failed, failure
from support.upstream_catalogue import HALO_ITSM

from gateway.errors.failure import FailureKind
from gateway.upstreams import halo_itsm


@pytest.mark.parametrize(("row", "status", "body", "kind"), HALO_ITSM)
def test_every_entry_of_the_catalogue_has_its_kind(
    row: str, status: int, body: Any, kind: FailureKind
) -> None:
    assert failed("halo-itsm", status, body, line="GET api/tickets").kind == kind


def test_every_row_is_tried() -> None:
    assert {row.id for row in halo_itsm.RULES} <= {row for row, *_ in HALO_ITSM}


@pytest.mark.parametrize("body", [{"record_count": 0, "tickets": []}, [], {"Message": "Saved"}, b"", b"OK"])
def test_successful_answers_pass(body: Any) -> None:
    assert failure("halo-itsm", 200, body, line="GET api/tickets") is None
