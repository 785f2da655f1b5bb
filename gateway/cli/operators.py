"""Commands for operators, which ask a running gateway."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

from gateway.cli.documentation import known_issues_table
from gateway.cli.options import (
    CommandWithExamples,
    config_option,
    errors_as_click_exceptions,
    load_settings,
    require_site,
)
from gateway.fhir.resource_types import RESOURCE_TYPES
from gateway.settings.spelling import nearest_word

_MAX_PORT: Final = 65_535
_URL: Final = re.compile(
    r"https?://(?:[^/?#@]*@)?(?:\[[0-9A-Fa-f:.]+\]|[^/?#@:\[\]]+)(?::(\d{1,9}))?(/[^?#]*)?"
)
_PATIENT_ID: Final = re.compile(r"[A-Za-z0-9\-.]{1,64}")


def _require_url(_: click.Context, __: click.Parameter, url: str) -> str:
    match = _URL.fullmatch(url)
    if url and not (match and url.isprintable() and 0 < int(match[1] or 1) <= _MAX_PORT):
        raise click.BadParameter("must be a URL with a port of 1 to 65535, such as http://10.0.0.5:8080")
    return url


def _require_type(_: click.Context, __: click.Parameter, name: str | None) -> str:
    if name is not None and name not in RESOURCE_TYPES:
        nearest = nearest_word(name, RESOURCE_TYPES)
        hint = f"did you mean {nearest}?" if nearest else "write, for example, Appointment"
        raise click.BadParameter(f"no such resource type in R4; {hint}")
    return name or ""


def _require_patient_id(_: click.Context, __: click.Parameter, name: str | None) -> str:
    if name is not None and not _PATIENT_ID.fullmatch(name):
        raise click.BadParameter(
            "must be an id of 1 to 64 letters, digits, - and ., such as 1234; without it, all is purged"
        )
    return name or ""


_url_option = click.option(
    "--url",
    default="",
    show_default="admin.listen, else http://127.0.0.1:8080",
    callback=_require_url,
    help="URL of the gateway.",
)


@click.command(
    cls=CommandWithExamples,
    examples=(
        "purge --site harbour",
        "purge --site harbour --type Slot --url http://10.0.0.5:8080",
        "purge --site harbour --patient 1234",
    ),
)
@click.option("--site", required=True, callback=require_site, help="Halo GUID or alias of the practice.")
@click.option(
    "--type",
    "type_",
    callback=_require_type,
    help="Only responses that contain this resource type.",
)
@click.option(
    "--patient",
    callback=_require_patient_id,
    help="Only responses that may concern the patient with this id.",
)
@_url_option
@config_option
def purge(site: str, type_: str, patient: str, url: str, config: Path | None) -> None:
    """Purge cached responses of a practice.

    Exit code 1 if a replica was not reached; the message says for how long it may serve old responses.
    """
    _run_admin_command(config, url, lambda client: client.purge(site, type_, patient))


@click.command(
    cls=CommandWithExamples,
    examples=(
        "sites",
        "sites --site harbour --json",
    ),
)
@click.option("--site", callback=require_site, help="Halo GUID or alias of one practice.")
@click.option("--json", "as_json", is_flag=True, help="As JSON, with keys, pauses and page sizes.")
@_url_option
@config_option
def sites(site: str, url: str, config: Path | None, *, as_json: bool) -> None:
    """Show the status of each practice."""
    _run_admin_command(config, url, lambda client: client.format_sites(site, as_json=as_json))


@click.command(
    cls=CommandWithExamples,
    examples=(
        "advise",
        "advise --json",
    ),
)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@_url_option
@config_option
def advise(url: str, config: Path | None, *, as_json: bool) -> None:
    """Show what apps could ask more cheaply."""
    _run_admin_command(config, url, lambda client: client.format_advice(as_json=as_json))


@click.command(
    cls=CommandWithExamples,
    examples=(
        "reset --site harbour",
        "reset --pause site:0a1b2c3d-0000-4000-8000-00000000000a:closed",
    ),
)
@click.option("--site", callback=require_site, help="Halo GUID or alias of the practice.")
@click.option(
    "--pause", default="", show_default=False, help="Name of one pause to clear, as /admin/pauses lists it."
)
@_url_option
@config_option
def reset(site: str, pause: str, url: str, config: Path | None) -> None:
    """Close a practice's circuit breaker and clear its pauses.

    Exit code 1 if a replica was not reached.
    """
    if not (site or pause):
        raise click.UsageError("set --site, --pause or both")
    _run_admin_command(config, url, lambda client: client.reset_site(site, pause))


def _run_admin_command(config: Path | None, url: str, command: Callable[[Any], str]) -> None:
    from gateway.admin.client import admin_client

    with errors_as_click_exceptions():
        click.echo(command(admin_client(load_settings(config), url)))


@click.command(
    "known-issues",
    cls=CommandWithExamples,
    examples=(
        "known-issues",
        "known-issues --site harbour",
    ),
)
@click.option("--site", callback=require_site, help="Halo GUID or alias: whether each issue is still there.")
@_url_option
@config_option
def known_issues(site: str, url: str, config: Path | None) -> None:
    """List the upstream's known issues and active repairs.

    With --site, the running gateway says which of them the practice's engine still shows.
    """
    if site:
        _run_admin_command(config, url, lambda client: client.format_known_issues(site))
    else:
        click.echo(known_issues_table(load_settings(config)))


OPERATORS_COMMANDS: Final = (purge, sites, advise, reset, known_issues)
