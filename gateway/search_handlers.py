"""Handlers that plan and execute a search: the same ones in the chain and in a dry run of `$explain`."""

from collections.abc import Callable
from datetime import timedelta
from http import HTTPStatus
from typing import NamedTuple

from gateway.exchange import FhirRequest, FhirResponse, Handler
from gateway.paging.page_links import PageCipher, PageLinks
from gateway.repairs import REPAIRS
from gateway.repairs.handlers import RequestRepairs, ResponseRepairs
from gateway.repairs.inactive_searches import InactiveSearches
from gateway.repairs.repair import Repair
from gateway.search.declared_parameters import DeclaredParameters
from gateway.search.dry_run import PlanningHandlers
from gateway.search.executor import SearchExecutor
from gateway.settings import Settings
from gateway.settings.resolve import probed_issues_lookup
from gateway.sites.issue_states import IssueStates
from gateway.stores.memory import MemoryStore
from gateway.upstreams.site_statements import SiteStatements
from gateway.validation.conditional_writes import ConditionalWrites


class SiteKnowledge(NamedTuple):
    """What is known of an upstream's sites: their statements and known issues, and the repairs of these."""

    statements: SiteStatements
    issue_states: IssueStates
    repairs: tuple[Repair, ...] = REPAIRS


def request_handlers(
    settings: Settings,
    cipher: PageCipher,
    knowledge: SiteKnowledge,
    cache: Handler,
    *,
    is_dry_run: bool = False,
) -> Handler:
    """Wrap a cache in the handlers from PageLinks to RequestRepairs."""
    repairs = RequestRepairs(cache, knowledge.repairs)
    searches = InactiveSearches(repairs, knowledge.issue_states, judges_results=not is_dry_run)
    declared = DeclaredParameters(searches, knowledge.statements)
    passes = settings.writes.conditional == "pass"
    changes = declared if passes else ConditionalWrites(declared, knowledge.statements)
    return PageLinks(changes, cipher, timedelta(seconds=settings.paging.link_lifetime_seconds))


def search_executor(settings: Settings, sender: Handler, knowledge: SiteKnowledge) -> Handler:
    """Wrap a sender in SearchExecutor and ResponseRepairs."""
    return SearchExecutor(ResponseRepairs(sender, knowledge.repairs), settings.search.max_queries_per_page)


def planning_handlers(settings: Settings, cipher: PageCipher, knowledge: SiteKnowledge) -> PlanningHandlers:
    """Return the same handlers for a dry run, which learns nothing."""
    return lambda with_cache, sender: request_handlers(
        settings,
        cipher,
        knowledge._replace(statements=knowledge.statements.copy(sender)),
        with_cache(search_executor(settings, sender, knowledge)),
        is_dry_run=True,
    )


def initial_knowledge(settings: Settings, clock: Callable[[], float]) -> SiteKnowledge:
    """Return what is known before any traffic: the findings of probes in the settings."""
    states = IssueStates(MemoryStore(), clock, _unknown_version, findings_of=probed_issues_lookup(settings))
    return SiteKnowledge(SiteStatements(_no_upstream), states)


async def _unknown_version(_: str) -> str:
    return ""


async def _no_upstream(_: FhirRequest) -> FhirResponse:
    return FhirResponse(HTTPStatus.NOT_FOUND)
