"""What a client learns of a parameter that the upstream did not use: a refusal, or a warning."""

import re
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import Final

from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest
from gateway.http.preferences import requires_strict_handling
from gateway.upstreams.patient_criteria import may_name_patient

#: A name that may stand in a text; another may contain anything.
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.:\-]{0,80}", re.ASCII)
_MAX_NAMES: Final = 20
_WARNING: Final = (
    "The practice system did not use these search parameters, so the result may contain others, or be in"
    " another order: {}."
)


def require_parameters_used(request: FhirRequest, dropped: AbstractSet[str]) -> None:
    """Raise Failure 400 for a dropped parameter if handling is strict, or if it selects a patient."""
    is_strict = bool(dropped) and requires_strict_handling(request)
    for name in sorted(dropped):
        if is_strict or may_name_patient(request.interaction.type, name):
            raise Failure(catalog.PARAMETER_IGNORED, expression=f"http.{_printable_name(name)}")


def dropped_parameter_warnings(dropped: Iterable[str]) -> tuple[str, ...]:
    """Return a text that names each dropped parameter, never its value; none without any."""
    names = sorted(set(map(_printable_name, dropped)))[:_MAX_NAMES]
    return (_WARNING.format(", ".join(names)),) if names else ()


def _printable_name(name: str) -> str:
    return name if _NAME.fullmatch(name) else "…"
