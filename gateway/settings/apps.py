"""Settings of the apps that share an integrator's key (docs/apps.md)."""

import re
from ipaddress import IPv6Network
from typing import Annotated, Final, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from gateway.apps.app import OTHER, Purpose
from gateway.cache.accepted_ages import ACCEPTING_PURPOSES, excessive_ages
from gateway.fhir.resource_types import RESOURCE_TYPES
from gateway.settings.base import NotBoolean, Section, TypeKey
from gateway.settings.masked import redact_key
from gateway.settings.secrets import WebhookSecret
from gateway.settings.trusted_networks import TrustedNetworks
from gateway.settings.webhooks import ReceiverUrl

#: Maximum numbers of apps, and of callers of one app.
MAX_APPS: Final = 100
_MAX_CALLERS: Final = 100
#: Upper limit of a budget, which leaves room for the sum of a year.
_MAX_BUDGET: Final = 10**15
#: Days for which the ledger keeps rows if an app has a budget by month: the longest month, in any zone.
MIN_RETENTION_DAYS: Final = 32
#: Addresses of IPv6 clients are known as networks of this size (web/client_address.py).
_CLIENT_PREFIX: Final = 64


def _check_name(name: str) -> str:
    if name == OTHER:
        raise ValueError("other is the name of all requests that are of no app: choose another name")
    return name


def _check_fingerprint(text: str) -> str:
    if not re.fullmatch("[0-9a-f]{64}", text):
        raise ValueError(
            "must be 64 hexadecimal digits in lower case, the SHA-256 of a credential: docs/apps.md says how"
            " to make them"
        )
    return text


AppName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9\-]{0,30}$"), AfterValidator(_check_name)]
Fingerprint = Annotated[str, AfterValidator(_check_fingerprint)]
Amount = Annotated[int, NotBoolean, Field(gt=0, le=_MAX_BUDGET)]


class Budget(Section):
    """Maximum use of one app: billable queries and bytes, by day and month of the practice's time zone."""

    queries_per_day: Amount | None = Field(None, description="Maximum number of billable queries a day.")
    queries_per_month: Amount | None = Field(None, description="Maximum number of billable queries a month.")
    bytes_per_day: Amount | None = Field(
        None, description="Maximum size of all billable responses a day, in bytes."
    )
    bytes_per_month: Amount | None = Field(
        None, description="Maximum size of all billable responses a month, in bytes."
    )
    hard: bool = Field(
        False,
        description="Whether the gateway refuses further queries of the app with 429 until the budget begins"
        " anew. It never refuses writes, and answers from the cache go on. Without it, a used budget is only"
        " reported.",
    )
    hard_for_clinical: bool = Field(
        False, description="Whether `hard` also applies to an app whose purpose is clinical."
    )

    @property
    def has_limit(self) -> bool:
        """Whether any use is limited."""
        return self.is_monthly or self.queries_per_day is not None or self.bytes_per_day is not None

    @property
    def is_monthly(self) -> bool:
        """Whether the use in a month is limited."""
        return self.queries_per_month is not None or self.bytes_per_month is not None

    @model_validator(mode="after")
    def _require_limit(self) -> Self:
        if self.hard and not self.has_limit:
            raise ValueError("hard has no effect without a limit; write, for example, queries_per_day = 1000")
        if self.hard_for_clinical and not self.hard:
            raise ValueError("hard_for_clinical has no effect without hard; write, for example, hard = true")
        return self


class App(Section):
    """One app: how the gateway recognises its requests, and what they are for."""

    callers: Annotated[tuple[Fingerprint, ...], Field(max_length=_MAX_CALLERS)] = Field(
        (),
        description="Callers whose requests may be the app's: SHA-256 of their credentials in hex, as in"
        " cache.shared_callers. A header `Gateway-App` with the app's name counts from these only. Without"
        " callers, any caller with the user agent or network below counts as the app.",
    )
    user_agent: Annotated[str, Field(pattern=r"^[ -~]{0,200}$")] = Field(
        "", description="Pattern of the app's User-Agent; `*` stands for any text, such as `WaitingRoom/*`."
    )
    networks: TrustedNetworks = Field((), description="Networks of the app's clients.")
    purpose: Purpose = Field(
        "interactive",
        description="What the app does with the data. Only display and interactive may accept older data.",
    )
    freshness: dict[TypeKey, Annotated[int, NotBoolean, Field(ge=0)]] = Field(
        {},
        description="Maximum age of data that the app accepts, by resource type, in seconds, within the"
        " ceilings of docs/apps.md. Default: that of the purpose.",
    )
    budget: Budget = Field(Budget(), description="Maximum use of the app.")
    batch: bool = Field(False, description="Whether all requests of the app are batch work.")

    @model_validator(mode="after")
    def _require_recognition(self) -> Self:
        if not (self.callers or self.user_agent or self.networks):
            raise ValueError(
                'needs callers, user_agent or networks; write, for example, user_agent = "WaitingRoom/*"'
            )
        return self

    @field_validator("networks")
    @classmethod
    def _require_whole_ipv6_networks(cls, networks: TrustedNetworks) -> TrustedNetworks:
        """Return the networks. Raises ValueError for a part of a client's own network, which never fits."""
        if any(isinstance(each, IPv6Network) and each.prefixlen > _CLIENT_PREFIX for each in networks):
            raise ValueError(f"an IPv6 network of clients has at most /{_CLIENT_PREFIX}: name the whole /64")
        return networks

    @model_validator(mode="after")
    def _require_accepted_ages_below_ceilings(self) -> Self:
        if self.freshness and self.purpose not in ACCEPTING_PURPOSES:
            raise ValueError(
                f"freshness has no effect with purpose {self.purpose}, which accepts no older data; write,"
                ' for example, purpose = "display", or remove it'
            )
        if unknown := sorted(set(self.freshness) - RESOURCE_TYPES - {"*"}):
            raise ValueError(
                f"freshness: no such resource type in R4: {redact_key(unknown[0])}; write, for example,"
                " Appointment"
            )
        if excessive := excessive_ages(self.freshness):
            raise ValueError(
                f"freshness: {'; '.join(excessive)} (docs/apps.md); write, for example, Appointment = 30"
            )
        return self

    @model_validator(mode="after")
    def _require_safe_hard_budget(self) -> Self:
        if self.budget.hard and not self.callers:
            raise ValueError(
                "budget.hard needs callers: without them, any caller could use up the app's budget;"
                " write, for example, hard = false"
            )
        if self.budget.hard and self.purpose == "clinical" and not self.budget.hard_for_clinical:
            raise ValueError(
                "budget.hard with purpose clinical needs budget.hard_for_clinical: it stops reads on which a"
                " treatment may depend; write, for example, hard = false"
            )
        return self


class BudgetWebhook(Section):
    """Receiver of a message when an app has used 50, 80 and 100 % of a budget (docs/apps.md)."""

    url: ReceiverUrl | None = Field(
        None,
        description="URL of the receiver. Plain http only to localhost, a private IP address or a name"
        " without a dot. Redirects are not followed.",
    )
    secret: WebhookSecret | None = Field(
        None,
        description="Secret of the signature (Standard Webhooks): `whsec_` and 24 to 64 random bytes in"
        " base64. Required with url.",
    )

    @model_validator(mode="after")
    def _require_secret(self) -> Self:
        if (self.url is None) != (self.secret is None):
            raise ValueError(
                'needs both url and secret, or neither; write, for example, url = "https://example.com.au/budget"'
            )
        return self
