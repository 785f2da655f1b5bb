"""Settings of SQL Passthrough."""

import pytest
from pydantic import ValidationError

from gateway.settings.sql import Sql


def test_a_document_of_three_megabytes_fits_in_hexadecimal_digits() -> None:
    assert Sql().max_body > 2 * 3 * 2**20


@pytest.mark.parametrize("value", ["", "all", "LARGE", True])
def test_unknown_rewrite_is_refused(value: object) -> None:
    with pytest.raises(ValidationError):
        Sql.model_validate({"rewrite": value})
