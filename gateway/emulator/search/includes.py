"""The resources `_include` and `_revinclude` add to a page."""

from collections.abc import Iterable

from gateway.emulator.data.records import Record
from gateway.emulator.search.engine import SearchEngine
from gateway.emulator.search.parameters import PARAMETERS, Parameter
from gateway.emulator.search.query import Pair


def included_records(engine: SearchEngine, matches: list[Record], includes: Iterable[Pair]) -> list[Record]:
    """What a page's matches bring along, each once, and none that is a match itself; `:iterate` recurses."""
    includes, seen = list(includes), {record_reference(record): record for record in matches}
    fresh, steps = list(matches), includes
    while fresh and steps:
        fresh = [
            record
            for step in steps
            for record in _follow_include(engine, fresh, step)
            if record_reference(record) not in seen
        ]
        fresh = list({record_reference(record): record for record in fresh}.values())
        seen |= {record_reference(record): record for record in fresh}
        steps = [step for step in includes if step[0].endswith(":iterate")]
    return list(seen.values())[len(matches) :]


def record_reference(record: Record) -> str:
    """`Type/id` of a row."""
    return f"{record.resource['resourceType']}/{record.resource['id']}"


def _follow_include(engine: SearchEngine, records: list[Record], include: Pair) -> list[Record]:
    name, value = include
    source, _, rest = value.partition(":")
    code, _, target = rest.partition(":")
    found = []
    for parameter in _reference_parameters(source, code or "*"):
        follow = _referencing_records if name.startswith("_revinclude") else _referenced_records
        found += follow(engine, records, parameter, target)
    return found


def _reference_parameters(source: str, code: str) -> list[Parameter]:
    return [
        parameter
        for parameter in PARAMETERS.values()
        if parameter.type == "reference" and source in {parameter.base, "*"} and code in {parameter.code, "*"}
    ]


def _referenced_records(
    engine: SearchEngine, records: list[Record], parameter: Parameter, target: str
) -> list[Record]:
    values = engine.parameter_values(parameter)
    found = []
    for record in records:
        if record.resource["resourceType"] == parameter.base:
            for local in values.get(record.resource["id"], []):
                kind, _, identity = local.partition("/")
                if target in {"", kind}:
                    found.append(
                        engine.practice.find_record(kind, identity, active_only=engine.hides_inactive)
                    )
    return [record for record in found if record]


def _referencing_records(
    engine: SearchEngine, records: list[Record], parameter: Parameter, target: str
) -> list[Record]:
    wanted = {
        record_reference(record) for record in records if target in {"", record.resource["resourceType"]}
    }
    values = engine.parameter_values(parameter)
    return [
        row
        for row in engine.visible_records(parameter.base)
        if wanted.intersection(values[row.resource["id"]])
    ]
