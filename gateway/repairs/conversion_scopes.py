"""Which parameters of stored procedures a site needs declared: the setting, and what its engine has shown.

What is learned widens the scope only, and only where a rewritten command has run: else it could turn a
command that works into one that does not. It is kept with the states of the known issues, for one engine
version; while that is unknown, nothing learned is used.
"""

from collections.abc import Callable
from typing import Final, Literal

from gateway.repairs.sql_parameter_conversion import ID
from gateway.sites.issue_states import IssueStates, Observation
from gateway.sql.rewrite import Scope

RewriteMode = Literal["off", "large", "binary-always"]
#: Scope -> the next wider one, which is also the facet of the issue that a refusal under the first one shows.
_WIDER: Final[dict[Scope, Scope]] = {"large": "binary-always", "binary-always": "all"}
#: Facet that says whether a site has run a rewritten command.
_TEXT: Final = "text"


class ConversionScopes:
    """Scopes of rewriting by site; `is_on` returns whether the repair is on at a site."""

    def __init__(self, mode: RewriteMode, states: IssueStates, is_on: Callable[[str], bool]) -> None:
        self._mode: RewriteMode = mode
        self._states = states
        self._is_on = is_on

    async def scope_at(self, guid: str) -> Scope | None:
        """Scope of a site, with what was learned; None if its commands are not rewritten."""
        if self._mode == "off" or not self._is_on(guid):
            return None
        scope: Scope = self._mode
        while (wider := _WIDER.get(scope)) and await self._states.verdict_on(guid, ID, wider) == "broken":
            scope = wider
        return scope

    async def confirm_text(self, guid: str) -> None:
        """Remember that a site has run a rewritten command."""
        await self._states.observe(guid, (Observation(ID, _TEXT, "seen"),))

    async def learn(self, guid: str, scope: Scope) -> None:
        """Remember that a site needs a scope, if it has run a rewritten command."""
        if await self._states.verdict_on(guid, ID, _TEXT) == "seen":
            await self._states.observe(guid, (Observation(ID, scope, "broken"),))


def wider_scope(scope: Scope, *, is_rewritten: bool) -> Scope | None:
    """Scope that a site needs if it refuses a command under a scope; None if that would change nothing.

    A command that was rewritten has only parameters that a wider scope than `large` would not declare.
    """
    return None if is_rewritten and scope != "large" else _WIDER.get(scope)
