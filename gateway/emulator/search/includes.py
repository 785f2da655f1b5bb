"""Resources that `_include` and `_revinclude` add to a page."""

from collections.abc import Iterable

from gateway.emulator.data.records import Record
from gateway.emulator.search.engine import SearchEngine
from gateway.emulator.search.parameters import PARAMETERS, Parameter
from gateway.emulator.search.query import Pair


def included_records(engine: SearchEngine, matches: list[Record], includes: Iterable[Pair]) -> list[Record]:
    """Return a page's included records, without duplicates and without the matches; `:iterate` recurses."""
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
    follow = _referencing_records if name.startswith("_revinclude") else _referenced_records
    results: list[Record] = []
    for parameter in _reference_parameters(source, code or "*"):
        results += follow(engine, records, parameter, target)
    return results


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
    sources = [record for record in records if record.resource["resourceType"] == parameter.base]
    references = [local for record in sources for local in values.get(record.resource["id"], [])]
    rows = (
        engine.practice.find_record(kind, identity, active_only=engine.hides_inactive)
        for kind, _, identity in (local.partition("/") for local in references)
        if target in {"", kind}
    )
    return [row for row in rows if row]


def _referencing_records(
    engine: SearchEngine, records: list[Record], parameter: Parameter, target: str
) -> list[Record]:
    targets = {
        record_reference(record) for record in records if target in {"", record.resource["resourceType"]}
    }
    values = engine.parameter_values(parameter)
    return [
        record
        for record in engine.visible_records(parameter.base)
        if targets.intersection(values[record.resource["id"]])
    ]
