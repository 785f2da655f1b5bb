"""Extras: which optional packages a command needs, and the command that installs them."""

from importlib.util import find_spec

#: Extra -> the modules that it brings, as pyproject.toml has it; an image may also lack parts of the gateway.
EXTRAS = {
    "validation": ("fhir.resources",),
    "emulator": ("gateway.emulator", "fhir.resources", "fhirpathpy"),
    "demo": ("gateway.demo", "gateway.emulator", "fhir.resources", "fhirpathpy", "fhirpy"),
}


class MissingExtraError(ValueError):
    """A command needs an extra that is not installed; its text says how to install it."""


def require_extra(extra: str) -> None:
    """Raises MissingExtraError unless everything that an extra brings is installed."""
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
