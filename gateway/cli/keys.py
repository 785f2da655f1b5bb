"""Commands `keys new` and `keys rotate`: strong keys, and the three steps of a rotation."""

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from gateway.cli.key_rotation import KeyList, new_key, newer_key, rotation_advice
from gateway.cli.options import CommandWithExamples, config_option, load_settings
from gateway.settings import Settings
from gateway.settings.environment import variable_of_setting


@click.group()
def keys() -> None:
    """Make keys, and rotate them without an interruption."""


@keys.command("new", cls=CommandWithExamples, examples=("keys new", "keys new > /run/secrets/cache-key"))
def new() -> None:
    """Print a new key for paging.keys, cache.keys or admin.token.

    It has 32 random bytes in base64url, after the time at which it was made. Any of the three settings takes
    it, each its own. It is printed once, and stored nowhere: on a terminal it stays in the scroll-back, so
    write it to a file or a secret store.
    """
    click.echo(new_key(datetime.now(UTC)))
    if sys.stdout is not None and sys.stdout.isatty():
        click.echo("This is a secret, and now in your terminal's scroll-back.", err=True)


@keys.command(
    "rotate",
    cls=CommandWithExamples,
    examples=("keys rotate paging.keys --config gateway.toml", "keys rotate cache.keys"),
)
@click.argument("setting", type=click.Choice(["paging.keys", "cache.keys"]))
@config_option
def rotate(setting: str, config: Path | None) -> None:
    """Say which step of a rotation comes next, and what to set.

    Reads the present configuration, changes nothing, and prints no key that exists; step 1 prints a new one.
    Run it again after each step (docs/upgrade.md).
    """
    key_list, now = _key_list(load_settings(config), setting), datetime.now(UTC)
    click.echo(rotation_advice(key_list, newer_key(key_list.keys, now), now))


def _key_list(settings: Settings, setting: str) -> KeyList:
    name = tuple(setting.split("."))
    variable = variable_of_setting(Settings, os.environ).get(name, "")
    if setting == "paging.keys":
        seconds = settings.paging.link_lifetime_seconds
        secrets, lifetime = settings.paging.keys, f"{seconds} seconds (paging.link_lifetime_seconds)"
    else:
        secrets, lifetime = settings.cache.keys, f"{_longest_age(settings)} seconds (the oldest response)"
    return KeyList(setting, [secret.get_secret_value() for secret in secrets], variable, lifetime)


def _longest_age(settings: Settings) -> int:
    """Return the highest age of any stored response of any site, in seconds."""
    from gateway.apps.recognition import AppDirectory
    from gateway.builders import freshness_lookup
    from gateway.cache.longest_age import longest_age

    freshness_of, apps = freshness_lookup(settings), AppDirectory(settings.apps).apps.values()
    return max(longest_age(freshness_of(guid), apps) for guid in ("default", *settings.sites))
