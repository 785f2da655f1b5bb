"""Pages and tables generated from the code, so that they cannot disagree with it."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from gateway.repairs import REPAIRS
from gateway.settings import Settings
from gateway.settings.names import KEY_PLACEHOLDERS
from gateway.settings.resolve import DEFAULT_SITE, merged_site_settings
from gateway.web.error_codes import errors_page


def known_issues_page() -> str:
    """docs/known-issues.md."""
    rows = [
        f"| `{issue.id}` | {issue.title} | {issue.source} | {issue.fixed_in or 'not known to be'} |"
        for issue in (repair.issue for repair in REPAIRS)
    ]
    head = [
        "| id | what is wrong upstream | where it is documented | fixed upstream since |",
        "|---|---|---|---|",
    ]
    return "\n".join([_KNOWN_ISSUES_INTRO, *head, *rows, ""])


def known_issues_table(settings: Settings) -> str:
    """The known issues as columns for a terminal, with what the settings say of each."""
    rows = [
        (each.issue.id, _repair_state(settings, each.issue.id), each.issue.fixed_in or "-", each.issue.title)
        for each in REPAIRS
    ]
    lines = [("ID", "REPAIR", "FIXED SINCE", "TITLE"), *rows]
    sources = [f"  {each.issue.id}: {each.issue.source}" for each in REPAIRS]
    return "\n".join(
        [*("{:<22} {:<8} {:<12} {}".format(*line) for line in lines), "", "Documented in:", *sources]
    )


def configuration_page() -> str:
    """docs/configuration.md."""
    head = ["| setting | default | meaning |", "|---|---|---|"]
    return "\n".join([_CONFIGURATION_INTRO, *head, *_setting_rows(Settings, ""), ""])


def effective_configuration(settings: Settings) -> str:
    """The effective configuration as JSON, secrets masked."""
    return json.dumps(settings.model_dump(mode="json"), indent=2)


def _repair_state(settings: Settings, repair: str) -> str:
    return "on" if merged_site_settings(settings, DEFAULT_SITE).repairs.get(repair, True) else "off"


def _setting_rows(model: type[BaseModel], prefix: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        inner = _section_type(field)
        if inner is None:
            yield f"| `{prefix}{name}` | `{_default_text(field)}` | {field.description} |"
        else:
            key = f"{KEY_PLACEHOLDERS[name]}." if name in KEY_PLACEHOLDERS else ""
            yield from _setting_rows(inner, f"{prefix}{name}.{key}")


def _section_type(field: FieldInfo) -> type[BaseModel] | None:
    arguments = (field.annotation, *getattr(field.annotation, "__args__", ()))
    return next((each for each in arguments if isinstance(each, type) and issubclass(each, BaseModel)), None)


def _default_text(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    return json.dumps(field.get_default(call_default_factory=True), default=str)


_KNOWN_ISSUES_INTRO = """# Known issues of the upstream

Generated from `gateway/repairs/` by `make docs`; `halo-gateway known-issues` prints the same with what your
configuration says. Each id is also the file of its repair, the emulator's fault, the token in the
`Gateway-Repairs` header and the switch: `repairs.<id> = false` for all sites, or
`sites.<guid>.repairs.<id> = false` for one.
"""

_CONFIGURATION_INTRO = """# Configuration

Generated from `gateway/settings/` by `make docs`. A TOML file (`--config`, or `HALO_GATEWAY_CONFIG`),
and over it environment variables: `HALO_GATEWAY_` and the setting's name, with `__` for each dot
(`HALO_GATEWAY_SERVER__PUBLIC_URL=https://fhir.example.com.au`). `halo-gateway check-config` reports every
problem at once, or prints what is in effect; its warnings go to stderr. `sites.default` holds for every site;
`sites.<guid>` goes over it.

An empty variable counts as not set. Lists and tables in variables are JSON. Shells cannot export names
with hyphens: write `_` for each `-` of a GUID or of a repair's id
(`HALO_GATEWAY_REPAIRS__LINK_BASE_URL=false`), or give all sites as JSON:
`HALO_GATEWAY_SITES='{"<guid>": {"time_zone": "Australia/Perth"}}'`. A setting that two variables give stops
the start, as does a name that no setting has. Names in files and in JSON are written as here; a GUID may be
in upper case, too.

The variables that Kubernetes makes for Services, and Docker for linked containers, whose names begin with
`halo-gateway` are no settings. The gateway does not read other variables, such as `HTTPS_PROXY`, `NO_PROXY`
or `SSL_CERT_FILE`. Percent-encode `/ # ? @` and `%` in the password of a URL.

A site whose time zone is not set is not served: a wrong zone would shift every date search and every
`lastUpdated`, so there is no default.
"""


#: File name below docs/ -> what it holds.
GENERATED_PAGES: Mapping[str, Callable[[], str]] = {
    "configuration.md": configuration_page,
    "errors.md": errors_page,
    "known-issues.md": known_issues_page,
}


def write_pages(folder: Path) -> list[Path]:
    """The generated pages, written into a folder; raises OSError where it cannot be written."""
    for name, page in GENERATED_PAGES.items():
        (folder / name).write_text(page(), encoding="utf-8")
    return [folder / name for name in GENERATED_PAGES]


if __name__ == "__main__":
    write_pages(Path("docs"))
