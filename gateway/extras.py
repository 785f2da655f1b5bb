"""Extras: optional packages of a command, and the command that installs them."""

from importlib.util import find_spec

#: Extra -> its modules, as in pyproject.toml, and parts of the gateway that an image may lack.
EXTRAS = {
    "validation": ("fhir.resources",),
    "emulator": ("gateway.emulator", "fhir.resources", "fhirpathpy"),
    "otel": ("opentelemetry.sdk.trace", "opentelemetry.exporter.otlp.proto.http"),
    "demo": ("gateway.demo", "gateway.emulator", "fhir.resources", "fhirpathpy", "fhirpy"),
}


class MissingExtraError(ValueError):
    """An extra is not installed; the text names the command that installs it."""


def require_extra(extra: str) -> None:
    """Raise MissingExtraError unless all modules of an extra are installed."""
    missing = [name for name in EXTRAS[extra] if not _is_installed(name)]
    if missing:
        raise MissingExtraError(
            f"this needs {missing[0]}, which is not installed: pip install 'halo-gateway[{extra}]'"
            " (in an image, see docs/install.md)"
        )


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # its parent is absent
        return False
