"""Recognition of apps: which configured app sent a request, by header, User-Agent or client network."""

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final, NamedTuple, Protocol

from cachetools import LRUCache

from gateway.apps.app import OTHER, App, Purpose
from gateway.exchange import Headers

#: Header field in which a client names its app; the gateway never sends it upstream.
APP_HEADER: Final = "gateway-app"
#: Maximum number of client addresses whose apps are remembered, and of characters of a remembered User-Agent.
_MAX_REMEMBERED, _MAX_USER_AGENT = 1_000, 500

Network = IPv4Network | IPv6Network


class AppSettings(Protocol):
    """Settings of one app (`settings/apps.py`)."""

    @property
    def callers(self) -> Sequence[str]: ...  # noqa: D102 - documented with the settings
    @property
    def user_agent(self) -> str: ...  # noqa: D102
    @property
    def networks(self) -> Sequence[Network]: ...  # noqa: D102
    @property
    def purpose(self) -> Purpose: ...  # noqa: D102
    @property
    def freshness(self) -> Mapping[str, int]: ...  # noqa: D102
    @property
    def batch(self) -> bool: ...  # noqa: D102


class _Request(NamedTuple):
    """What a request shows of its app; `named_app` is empty without exactly one header field."""

    caller_fingerprint: str
    named_app: str
    user_agent: str
    client_address: str


class UserAgentPattern:
    """Pattern of a whole User-Agent, in which `*` stands for any text. Its work is linear in the text."""

    def __init__(self, pattern: str) -> None:
        self._first, *self._others = pattern.split("*")

    def matches(self, text: str) -> bool:
        """Whether the whole text fits."""
        if not self._others:
            return text == self._first
        *middle, last = self._others
        if not text.startswith(self._first) or not text.endswith(last):
            return False
        position, end = len(self._first), len(text) - len(last)
        for part in middle:
            found = text.find(part, position, max(end, 0))
            if found < 0:
                return False
            position = found + len(part)
        return position <= end


class AppDirectory:
    """Apps by name, in the order of the configuration."""

    def __init__(self, settings: Mapping[str, AppSettings]) -> None:
        self.apps: Mapping[str, App] = {
            name: App(name, app.purpose, dict(app.freshness), app.batch) for name, app in settings.items()
        }
        self._rules = [_Rule(name, app) for name, app in settings.items()]
        self._names: LRUCache[_Request, str] = LRUCache(_MAX_REMEMBERED)
        #: Whether a response may depend on the User-Agent, or on the address, of its request.
        self.varies_by_user_agent = any(app.user_agent for app in settings.values())
        self.varies_by_address = any(app.networks for app in settings.values())

    def app_of(self, headers: Headers, client_address: str, caller: str) -> str:
        """Return the app's name, `other` if no app fits, or empty without configured apps.

        `caller`: of `caller_at_upstream`. `client_address`: an IPv4 address or an IPv6 network.
        """
        if not self._rules:
            return ""
        request = _request_of(headers, client_address if self.varies_by_address else "", caller)
        name = self._names.get(request)
        if name is None:
            name = next((rule.name for rule in self._rules if rule.fits(request)), OTHER)
            if len(request.user_agent) + len(request.named_app) <= _MAX_USER_AGENT:
                self._names[request] = name
        return name

    def is_batch(self, name: str) -> bool:
        """Whether all requests of an app are batch work."""
        return name in self.apps and self.apps[name].is_batch


class _Rule:
    """How requests of one app are recognised."""

    def __init__(self, name: str, app: AppSettings) -> None:
        self.name = name
        self._callers = frozenset(app.callers)
        self._pattern = UserAgentPattern(app.user_agent) if app.user_agent else None
        self._networks = tuple(app.networks)

    def fits(self, request: _Request) -> bool:
        """Whether a request is the app's. The header counts only from the app's own callers."""
        if self._callers and request.caller_fingerprint not in self._callers:
            return False
        if self._callers and request.named_app == self.name:
            return True
        is_known_agent = self._pattern is not None and self._pattern.matches(request.user_agent)
        return is_known_agent or self._is_in_networks(request.client_address)

    def _is_in_networks(self, address: str) -> bool:
        client = ip_network(address) if self._networks and address else None
        if isinstance(client, IPv4Network):
            return any(isinstance(own, IPv4Network) and client.subnet_of(own) for own in self._networks)
        return isinstance(client, IPv6Network) and any(
            isinstance(own, IPv6Network) and client.subnet_of(own) for own in self._networks
        )


def _request_of(headers: Headers, client_address: str, caller: str) -> _Request:
    named = [value for name, value in headers if name == APP_HEADER]
    user_agent = next((value for name, value in headers if name == "user-agent"), "")
    return _Request(
        caller.rpartition(" ")[2], named[0] if len(named) == 1 else "", user_agent, client_address
    )


NO_APPS: Final = AppDirectory({})
