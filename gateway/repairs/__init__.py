"""REPAIRS: the repair of every known issue, in the order in which the gateway applies them."""

from gateway.repairs import (
    capability_statement,
    error_envelope,
    inactive_records,
    last_updated_offset,
    link_base_url,
    link_include_params,
    reference_base_url,
    search_date_format,
)
from gateway.repairs.repair import Repair

_INDEPENDENT_REPAIRS = (
    search_date_format.REPAIR,
    inactive_records.REPAIR,
    link_include_params.REPAIR,
    link_base_url.REPAIR,
    reference_base_url.REPAIR,
    last_updated_offset.REPAIR,
    error_envelope.REPAIR,
)
REPAIRS: tuple[Repair, ...] = (*_INDEPENDENT_REPAIRS, capability_statement.make_repair(_INDEPENDENT_REPAIRS))
