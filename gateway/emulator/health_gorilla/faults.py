"""Faults on demand: every row of the error table, and broken connections."""

from typing import ClassVar

from starlette.responses import Response

from gateway.emulator.health_gorilla.errors import ERRORS, error_response
from gateway.emulator.vendor_faults import VendorFault


class GorillaFault(VendorFault):
    """One fault on demand. `key`: an access token. `headers` are sent with a row of the table, too."""

    errors: ClassVar = ERRORS

    def error_response(self) -> Response:
        """Return the response of the row."""
        response = error_response(ERRORS[self.kind])
        response.headers.update(self.headers)
        return response
