"""An example of a valid value for each setting, as a file or an environment variable has it."""

import json
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any, Final, Literal, get_args, get_origin

from pydantic import BaseModel, HttpUrl, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from gateway.settings.names import SettingName, type_of

_GUID: Final = "0a1b2c3d-0000-4000-8000-00000000000a"
_HASH: Final = "0a1b2c3d" * 8
#: What stands for a secret, which nobody may copy from a message.
_NEW_KEY: Final = "what `halo-gateway keys new` prints"
_FROM_PARTNER: Final = "the secret that the other side gave you, of at least 16 characters"
#: Last segments of a setting, of a table for its keys and values, or of a list for its items -> valid value.
_EXAMPLES: Final[Mapping[str, Any]] = {
    "admin.hosts": ["operators.example.com.au"],
    "admin.listen": "127.0.0.1:8081",
    "apps": {"waiting-room": {"user_agent": "WaitingRoom/*"}},
    "apps.callers": [_HASH],
    "broken": ["link-base-url"],
    "budget_webhook": {"url": "https://example.com.au/budget", "secret": "whsec_…"},
    "ca_file": "/etc/ssl/certs/private-ca.pem",
    "callers": {"0a1b2c3d": {"name": "front-desk"}},
    "column_time_zones": {"Appointment.date": "site"},
    "cors.origins": ["https://app.example.com.au"],
    "currency": "AUD",
    "date_precision": {"Appointment.date": "day"},
    "default_site": _GUID,
    "dialect": "health-gorilla",
    "engine": "3.1",
    "extra_date_parameters": ["Appointment.date"],
    "found_at": "2026-04-01T09:00:00+10:00",
    "freshness": {"Appointment": 30},
    "id": "closed-for-lunch",
    "invalidates": {"*": ["Appointment"]},
    "last_updated_input": {"Patient": "local"},
    "ledger.path": "/tmp/ledger.sqlite3",  # noqa: S108 - the folder exists on every machine
    "lifetimes": {"Patient": 30},
    "message_pattern": "closed for lunch",
    "name": "front-desk",
    "networks": ["10.0.0.0/8"],
    "packs": ["medirecords"],
    "path": "/hg",
    "plugins": ["your_package"],
    "proxy": "http://proxy.example.com.au:3128",
    "rate_limits": [{"requests": 100, "seconds": 60}],
    "receivers": {"front-desk": {"url": "https://example.com.au/hook"}},
    "redis.url": "redis://:password@host:6379/0",
    "repairs": {"link-base-url": False},
    "right": ["link-base-url"],
    "rules": [{"id": "closed-for-lunch", "message_pattern": "closed for lunch", "seconds": 60}],
    "shared_callers": {"front-desk": [_HASH]},
    "sites": {_GUID: {"time_zone": "Australia/Brisbane"}},
    "stale_if_error": {"Patient": 30},
    "stale_while_revalidate": {"Patient": 5},
    "time_zone": "Australia/Brisbane",
    "trusted_proxies": ["10.0.0.0/8"],
    "unlisted_capabilities": ["Patient.search-type"],
    "upstreams": {
        "health-gorilla": {"url": "https://example.com.au/fhir", "dialect": "health-gorilla", "path": "/hg"}
    },
    "user_agent": "WaitingRoom/*",
    "verified_by": "probe 2026-04-01, engine 3.1",
}
#: Settings with secrets -> what to write.
_SECRETS: Final[Mapping[str, str]] = {
    "token": _NEW_KEY,
    "keys": f"a list of {_NEW_KEY}",
    "secrets": f"a list of {_FROM_PARTNER}",
    "budget_webhook.secret": "whsec_ and what `openssl rand -base64 32` prints",
    "secret": _FROM_PARTNER,
}
_ANY_TEXT: Final = "text"
_BY_TYPE: Final[Mapping[type, Any]] = {
    bool: True,
    int: 10,
    float: 1.5,
    str: _ANY_TEXT,
    Path: "/etc/halo-gateway/file",
    HttpUrl: "https://gateway.example.com.au",
}


def example_of(model: Any, name: SettingName, *, for_environment: bool = False) -> str:
    """Return how a valid value of a setting, section, table or item of a list is written."""
    names = [segment for segment in name if not segment.isdecimal()]
    secret = _by_ending(_SECRETS, names)
    if secret is not None:
        return str(secret)
    is_item = bool(name) and name[-1].isdecimal()
    value = _value(model, name[:-1] if is_item else name)
    if is_item and isinstance(value, list):
        value = value[0]
    return _in_environment(value) if for_environment else _in_file(value)


def _value(model: Any, name: SettingName) -> Any:
    example = _by_ending(_EXAMPLES, [segment for segment in name if not segment.isdecimal()])
    if example is not None:
        return example
    field, annotation = _field_of(model, name), type_of(model, name)
    section = _section_of(annotation)
    if section is not None:
        return _first_setting(model, name, section)
    default = field.default if field else None
    if default not in (None, PydanticUndefined, "", ()) and not isinstance(default, BaseModel | dict):
        return list(default) if isinstance(default, tuple) else default
    return _by_type(annotation)


def _first_setting(model: Any, name: SettingName, section: type[BaseModel]) -> dict[str, Any]:
    """Return a table with the settings that the section needs, or with one of them."""
    fields = section.model_fields
    required = [each for each, field in fields.items() if field.is_required()]
    plain = [
        each
        for each, field in fields.items()
        if _section_of(field.annotation) is None and _by_ending(_SECRETS, (*name, each)) is None
    ]
    return {each: _value(model, (*name, each)) for each in required or plain[:1]}


def _by_ending(values: Mapping[str, Any], name: Any) -> Any:
    """Return the value for the last two segments, the first and the last, or the last; None if none."""
    if not name:
        return None
    names = (".".join(name[-2:]), f"{name[0]}.{name[-1]}", name[-1])
    return next((values[each] for each in names if each in values), None)


def _field_of(model: Any, name: SettingName) -> FieldInfo | None:
    section = _section_of(type_of(model, name[:-1]) if name[:-1] else model)
    return section.model_fields.get(name[-1]) if section and name else None


def _section_of(annotation: Any) -> type[BaseModel] | None:
    members = (annotation, *get_args(annotation)) if get_origin(annotation) not in {dict, tuple} else ()
    sections = (each for each in members if isinstance(each, type) and issubclass(each, BaseModel))
    return next(sections, None)


def _by_type(annotation: Any) -> Any:
    if get_origin(annotation) is Literal:
        return get_args(annotation)[0]
    if annotation in _BY_TYPE:
        return _BY_TYPE[annotation]
    inner = [_by_type(member) for member in get_args(annotation) if isinstance(member, Hashable)]
    return next((value for value in inner if value != _ANY_TEXT), _ANY_TEXT)


def _in_environment(value: Any) -> str:
    """Return a value as a variable has it: text without quotes, tables and lists as JSON."""
    return str(value) if isinstance(value, str | HttpUrl) else json.dumps(value, default=str)


def _in_file(value: Any) -> str:
    """Return a value in TOML, which writes strings, numbers and lists as JSON does."""
    if isinstance(value, dict):
        pairs = ", ".join(f"{_key(key)} = {_in_file(inner)}" for key, inner in value.items())
        return f"{{ {pairs} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(_in_file, value))}]"
    return json.dumps(value, default=_plain)


def _key(key: str) -> str:
    return key if key.replace("_", "").replace("-", "").isalnum() else json.dumps(key)


def _plain(value: Any) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)
