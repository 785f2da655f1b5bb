"""REPAIRS: every known issue that the gateway hides, in the order in which they are undone."""

from gateway.repairs import (
    error_envelope,
    last_updated_offset,
    link_base_url,
    link_include_params,
    search_date_format,
)
from gateway.repairs.repair import Repair

REPAIRS: tuple[Repair, ...] = (
    search_date_format.REPAIR,
    link_include_params.REPAIR,
    link_base_url.REPAIR,
    last_updated_offset.REPAIR,
    error_envelope.REPAIR,
)
