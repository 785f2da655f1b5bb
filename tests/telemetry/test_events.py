"""The table of events, compared with every call that logs in the code."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from conftest import ROOT
from support.requests import SITE, fhir_request

from gateway.exchange import FhirResponse
from gateway.ledger.caps import THRESHOLDS
from gateway.telemetry.access_log import AccessLog
from gateway.telemetry.events import EVENTS

GATEWAY = ROOT / "gateway"
LEVELS = {"debug", "info", "warning", "error", "critical"}
#: Names of events that a variable has, by module.
VARIABLE_NAMES = {
    "ledger/daily_usage.py": [name for _, name in THRESHOLDS],
    "web/fast_path.py": ["request"],
}
#: Functions that return fields.
FIELDS_OF = {"exception_fields": {"exception", "places"}}
#: Fields of `request` depend on the request: `test_request_has_the_fields_of_the_table` checks them.
REQUEST = "request"


class Call(NamedTuple):
    """A call that logs: the module, the levels, the names of its event, and its fields; None if unknown."""

    module: str
    levels: frozenset[str]
    names: tuple[str, ...]
    fields: frozenset[str] | None


def calls_in(module: str, text: str) -> Iterator[Call]:
    """Calls of a logger of structlog, or of `format_line`, in a module."""
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    for function in (node for node in ast.walk(ast.parse(text)) if isinstance(node, kinds)):
        for node in _own_nodes(function):
            call = _call_of(module, function, node) if isinstance(node, ast.Call) else None
            if call:
                yield call


def _own_nodes(function: ast.AST) -> Iterator[ast.AST]:
    """Nodes of a function, without those of functions in it."""
    for child in ast.iter_child_nodes(function):
        yield child
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from _own_nodes(child)


def _is_logger(node: ast.expr) -> bool:
    return ast.unparse(node) in {"_log", "structlog.get_logger()"}


def _call_of(module: str, function: ast.AST, node: ast.Call) -> Call | None:
    called, arguments = ast.unparse(node.func), node.args
    if called == "format_line":
        levels, arguments = {str(ast.literal_eval(arguments[0]))}, arguments[1:]
    elif not isinstance(node.func, ast.Attribute) or not _is_logger(node.func.value):
        return None
    elif node.func.attr == "log":
        words = re.findall(r"logging\.([A-Z]+)", _source(function, arguments[0]))
        levels, arguments = {word.lower() for word in words}, arguments[1:]
    else:
        levels = {node.func.attr}
        if not levels <= LEVELS:
            return None
    (name,) = arguments
    names = (name.value,) if isinstance(name, ast.Constant) else VARIABLE_NAMES.get(module, ())
    return Call(module, frozenset(levels), tuple(map(str, names)), _fields(function, node))


def _source(function: ast.AST, expression: ast.expr) -> str:
    """Source of an expression, or of what a function assigns to it."""
    return ast.unparse(_assigned(function, expression) or expression)


def _assigned(function: ast.AST, expression: ast.expr) -> ast.expr | None:
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and [ast.unparse(each) for each in node.targets] == [
            ast.unparse(expression)
        ]:
            return node.value
    return None


def _fields(function: ast.AST, call: ast.Call) -> frozenset[str] | None:
    found: set[str] = set()
    for keyword in call.keywords:
        names = {keyword.arg} if keyword.arg else _expanded(function, keyword.value)
        if names is None:
            return None
        found |= names
    return frozenset(found)


def _expanded(function: ast.AST, value: ast.expr) -> set[str] | None:
    """Names in `**value`: a call of FIELDS_OF, also only in some cases, or a dict in the same function."""
    called = re.match(r"(\w+)\(", ast.unparse(value.body if isinstance(value, ast.IfExp) else value))
    if called and called[1] in FIELDS_OF:
        return FIELDS_OF[called[1]]
    literal = _assigned(function, value)
    if isinstance(literal, ast.Dict) and all(isinstance(key, ast.Constant) for key in literal.keys):
        return {str(ast.literal_eval(key)) for key in literal.keys if key}
    return None


CALLS = [
    call
    for path in sorted(GATEWAY.rglob("*.py"))
    for call in calls_in(str(path.relative_to(GATEWAY)), path.read_text(encoding="utf-8"))
]


def test_every_call_that_logs_is_in_the_table() -> None:
    assert len(CALLS) > 30
    for call in CALLS:
        assert call.names, f"{call.module} logs an event whose name is no text"
        for name in call.names:
            event = EVENTS[name]
            assert call.levels <= set(event.levels), (call, event.levels)
            if name != REQUEST:
                assert call.fields is not None, f"{call.module}: the fields of {name} are not in the call"
                assert call.fields <= event.fields.keys(), (call, event.fields.keys())


def test_the_table_has_no_event_or_field_of_its_own() -> None:
    fields: dict[str, set[str]] = {}
    levels: dict[str, set[str]] = {}
    for call in CALLS:
        for name in call.names:
            fields.setdefault(name, set()).update(call.fields or ())
            levels.setdefault(name, set()).update(call.levels)
    assert fields.keys() == EVENTS.keys()
    for name, event in EVENTS.items():
        if name != REQUEST:
            assert fields[name] == event.fields.keys(), name
        if name != "library-message":  # its level is the library's
            assert levels[name] == set(event.levels), name


def test_request_has_the_fields_of_the_table() -> None:
    request = fhir_request(app="board", site=SITE)
    fields = AccessLog().shared_fields(
        request, FhirResponse(404, failure_code="resource-not-found", trace_id="1")
    )
    assert {*fields, "ms", "client_left"} == EVENTS[REQUEST].fields.keys()


@pytest.mark.parametrize("name", EVENTS)
def test_name_of_an_event_is_no_sentence(name: str) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+){0,3}", name)
    assert EVENTS[name].levels
    assert all(re.fullmatch(r"[a-z_]+", field) for field in EVENTS[name].fields)


@pytest.mark.parametrize(
    "code",
    [
        "_log.info('unheard-of')",
        "_log.error('retry', code='a')",
        "_log.info('retry', query='a')",
        "fields = {'query': 1}\n    _log.info('retry', **fields)",
        "_log.info('retry', **anything)",
        "_log.info(f'retry {1}')",
    ],
)
def test_check_finds_calls_that_the_table_lacks(code: str) -> None:
    (call,) = calls_in("a.py", f"def f():\n    {code}")
    event = EVENTS.get(call.names[0]) if call.names else None
    assert (
        event is None
        or not call.levels <= set(event.levels)
        or not call.fields
        or not call.fields <= event.fields.keys()
    )


def test_no_module_has_a_logger_of_another_name() -> None:
    for path in GATEWAY.rglob("*.py"):
        for line in path.read_text(encoding="utf-8").splitlines():
            found = re.search(r"(\S+) = structlog\.get_logger", line)
            assert not found or found[1] == "_log", Path(path.name)
            assert "getLogger(" not in line or ".setLevel(" in line, path
