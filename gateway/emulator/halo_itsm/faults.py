"""Faults on demand: every error of HaloITSM, any other response, and broken connections."""

from typing import ClassVar

from starlette.responses import Response

from gateway.emulator.halo_itsm.errors import ERRORS
from gateway.emulator.vendor_faults import VendorFault


class ItsmFault(VendorFault):
    """One fault on demand. `key`: the id of an API client."""

    errors: ClassVar = ERRORS

    def error_response(self) -> Response:
        """Return the response of the error."""
        return ERRORS[self.kind].response()
