"""Documentation generated from the code, so that both always agree."""

import json
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Final

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from gateway.cli.log_page import logs_page
from gateway.packs.load import shipped_packs
from gateway.repairs import KNOWN_ISSUES
from gateway.repairs.further_issues import FURTHER_ISSUES
from gateway.repairs.repair import KnownIssue
from gateway.settings import Settings
from gateway.settings.extensions import extension_issues
from gateway.settings.names import KEY_PLACEHOLDERS
from gateway.settings.resolve import DEFAULT_SITE, merged_site_settings
from gateway.web.error_codes import errors_page

#: Hexadecimal digits of a digest: enough to tell keys apart.
_DIGEST_DIGITS: Final = 12


def known_issues_page() -> str:
    """Return docs/known-issues.md."""
    rows = [
        f"| `{issue.id}` | {issue.title} | {issue.handling} | {issue.source} | {issue.vendor_status or '-'} |"
        for issue in KNOWN_ISSUES
    ]
    head = [
        "| id | fault of the upstream | handling | source | the vendor on a fix |",
        "|---|---|---|---|---|",
    ]
    return "\n".join([_KNOWN_ISSUES_INTRO, *head, *rows, ""])


def known_issues_table(settings: Settings) -> str:
    """Return the known issues as columns for a terminal, with the state of each repair."""
    known_issues = (*KNOWN_ISSUES, *extension_issues(settings))
    rows = [(issue.id, _repair_state(settings, issue), issue.title) for issue in known_issues]
    lines = [("ID", "REPAIR", "TITLE"), *rows]
    sources = [f"  {issue.id}: {issue.source}" for issue in known_issues]
    statuses = [f"  {issue.id}: {issue.vendor_status}" for issue in known_issues if issue.vendor_status]
    return "\n".join(
        [
            *("{:<24} {:<6} {}".format(*line) for line in lines),
            *("", "Documented in:", *sources),
            *("", "The vendor on a fix:", *statuses),
            *("", f"Quirk packs for other upstreams: {', '.join(shipped_packs())}; see docs/quirk-packs.md"),
        ]
    )


def configuration_page() -> str:
    """Return docs/configuration.md."""
    head = ["| setting | default | meaning |", "|---|---|---|"]
    return "\n".join([_CONFIGURATION_INTRO, *head, *_setting_rows(Settings, ""), ""])


def effective_configuration(settings: Settings) -> str:
    """Return the effective settings as JSON, secrets masked; keys that replicas share, by a digest."""
    shown = settings.model_dump(mode="json")
    for section, keys in (("cache", settings.cache.keys), ("paging", settings.paging.keys)):
        shown[section]["keys"] = [_digest(key.get_secret_value()) for key in keys]
    return json.dumps(shown, indent=2)


def _digest(key: str) -> str:
    """Return what tells one key from another; it discloses none, since keys have 32 random bytes."""
    return f"********** (SHA-256 {sha256(key.encode()).hexdigest()[:_DIGEST_DIGITS]})"


def _repair_state(settings: Settings, issue: KnownIssue) -> str:
    """Whether the repair of an issue is on; `-` if it has none."""
    if issue.id in {other.id for other, _ in FURTHER_ISSUES}:
        return "-"
    return "on" if merged_site_settings(settings, DEFAULT_SITE).repairs.get(issue.id, True) else "off"


def _setting_rows(model: type[BaseModel], prefix: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        section = _section_type(field)
        if section is None:
            yield f"| `{prefix}{name}` | `{_default_text(field)}` | {field.description} |"
        else:
            key = f"{KEY_PLACEHOLDERS[name]}." if name in KEY_PLACEHOLDERS else ""
            yield from _setting_rows(section, f"{prefix}{name}.{key}")


def _section_type(field: FieldInfo) -> type[BaseModel] | None:
    types = (field.annotation, *getattr(field.annotation, "__args__", ()))
    return next((type_ for type_ in types if isinstance(type_, type) and issubclass(type_, BaseModel)), None)


def _default_text(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    return json.dumps(field.get_default(call_default_factory=True), default=str)


_KNOWN_ISSUES_INTRO = """# Known issues of the upstream

Generated from `gateway/repairs/` by `make docs`. `halo-gateway known-issues` prints the same list with the
repairs that your configuration enables; with `--site` it prints which issues a practice's engine
[still shows](operations.md#known-issues-of-a-practice). The id of a repaired issue also names the repair's
file, the emulator's fault, the token in the `Gateway-Repairs` header and the setting:
`repairs.<id> = false` for all sites, or `sites.<guid>.repairs.<id> = false` for one site.
"""

_CONFIGURATION_INTRO = """# Configuration

Generated from `gateway/settings/` by `make docs`. The gateway reads a TOML file (`--config`, or
`HALO_GATEWAY_CONFIG`) and environment variables, which override the file: `HALO_GATEWAY_` and the setting's
name, with `__` for each dot (`HALO_GATEWAY_SERVER__PUBLIC_URL=https://fhir.example.com.au`). `halo-gateway
check-config` reports all problems at once, or prints the effective settings; warnings go to stderr.
`sites.default` applies to all sites; `sites.<guid>` overrides it.

An empty variable counts as not set. Lists and tables in variables are JSON. Shells cannot export names
with hyphens: write `_` for each `-` of a GUID, of a repair's id, or of an app's or upstream's name
(`HALO_GATEWAY_REPAIRS__LINK_BASE_URL=false`), or set all sites as JSON:
`HALO_GATEWAY_SITES='{"<guid>": {"time_zone": "Australia/Perth"}}'`. The gateway does not start if two
variables set the same setting, or if a name is not a setting. Spell names in files and in JSON as in the
table; a GUID may be in upper case, too.

The gateway ignores the variables that Kubernetes creates for Services and Docker for linked containers, if
the name of the Service or container begins with `halo-gateway`. It does not read other variables, such as
`HTTPS_PROXY`, `NO_PROXY` or `SSL_CERT_FILE`. Percent-encode `/ # ? @` and `%` in the password of a URL.

The gateway does not serve a site without a time zone. There is no default, because a wrong zone would shift
every date search and every `lastUpdated`.
"""


#: File name below docs/ -> function that generates the page.
GENERATED_PAGES: Mapping[str, Callable[[], str]] = {
    "configuration.md": configuration_page,
    "errors.md": errors_page,
    "known-issues.md": known_issues_page,
    "logs.md": logs_page,
}


def write_pages(folder: Path) -> list[Path]:
    """Write the generated pages into a folder and return their paths. Raises OSError if it cannot write."""
    for name, page in GENERATED_PAGES.items():
        (folder / name).write_text(page(), encoding="utf-8")
    return [folder / name for name in GENERATED_PAGES]


if __name__ == "__main__":
    write_pages(Path("docs"))
