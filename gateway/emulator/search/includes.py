"""The resources `_include` and `_revinclude` add to a page."""

from collections.abc import Iterable

from gateway.emulator.data.records import Record
from gateway.emulator.search.engine import Engine
from gateway.emulator.search.parameters import PARAMETERS, Parameter
from gateway.emulator.search.query import Pair


def included(engine: Engine, matches: list[Record], includes: Iterable[Pair]) -> list[Record]:
    """What a page's matches bring along, each once, and none that is a match itself; `:iterate` recurses."""
    includes, seen = list(includes), {key(record): record for record in matches}
    fresh, steps = list(matches), includes
    while fresh and steps:
        fresh = [record for step in steps for record in _step(engine, fresh, step) if key(record) not in seen]
        fresh = list({key(record): record for record in fresh}.values())
        seen |= {key(record): record for record in fresh}
        steps = [step for step in includes if step[0].endswith(":iterate")]
    return list(seen.values())[len(matches) :]


def key(record: Record) -> str:
    """`Type/id` of a row."""
    return f"{record.resource['resourceType']}/{record.resource['id']}"


def _step(engine: Engine, records: list[Record], step: Pair) -> list[Record]:
    name, value = step
    source, _, rest = value.partition(":")
    code, _, target = rest.partition(":")
    found = []
    for parameter in _parameters(source, code or "*"):
        follow = _pointing_at if name.startswith("_revinclude") else _pointed_at
        found += follow(engine, records, parameter, target)
    return found


def _parameters(source: str, code: str) -> list[Parameter]:
    return [
        parameter
        for parameter in PARAMETERS.values()
        if parameter.type == "reference" and source in {parameter.base, "*"} and code in {parameter.code, "*"}
    ]


def _pointed_at(engine: Engine, records: list[Record], parameter: Parameter, target: str) -> list[Record]:
    values = engine.values(parameter)
    found = []
    for record in records:
        if record.resource["resourceType"] == parameter.base:
            for local in values.get(record.resource["id"], []):
                kind, _, identity = local.partition("/")
                if target in {"", kind}:
                    found.append(engine.practice.row(kind, identity, active_only=engine.hides_inactive))
    return [record for record in found if record]


def _pointing_at(engine: Engine, records: list[Record], parameter: Parameter, target: str) -> list[Record]:
    wanted = {key(record) for record in records if target in {"", record.resource["resourceType"]}}
    values = engine.values(parameter)
    return [row for row in engine.rows(parameter.base) if wanted.intersection(values[row.resource["id"]])]
