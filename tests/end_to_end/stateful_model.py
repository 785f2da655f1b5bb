"""Oracle of the stateful test: what each query may return, by the states that a practice has had."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.emulator.practice import Practice

#: Text in every resource for which the upstream puts the caller's name; both have eight characters.
CALLER_PLACEHOLDER = "CALLERXX"
#: Seconds that a missing resource, and a resource or page with these types, may be served (docs/cache.md).
NOT_FOUND_SECONDS = 5.0
LIFETIMES = {"Patient": 60.0, "AllergyIntolerance": 30.0, "Appointment": 5.0, "*": 5.0}
#: Types that a write through the gateway invalidates (docs/cache.md).
AFFECTED = {"Patient": {"Patient", "Appointment"}, "Appointment": {"Appointment"}}
TYPES = ("Patient", "Appointment", "AllergyIntolerance")

Resource = Mapping[str, Any]
#: What a client sees: number of entries by mode, id and mark; total of a count; None if nothing is there.
Content = tuple[frozenset[tuple[tuple[str, str, str], int]], int | None] | None


def mark_of(resource: Resource) -> str:
    """Text in a resource that names its version, its site and the caller it was sent to."""
    texts = (
        resource.get("description"),
        *(name.get("text") for name in resource.get("name", ())),
        *(note.get("text") for note in resource.get("note", ())),
    )
    return next(text for text in texts if text)


def patient_of(resource: Resource) -> str:
    """Id of the patient that a resource is about."""
    if resource["resourceType"] == "Patient":
        return str(resource["id"])
    element = resource.get("patient") or resource["participant"][0]["actor"]
    return str(element["reference"]).rpartition("/")[2]


@dataclass(frozen=True)
class State:
    """Rows of a practice in one period, by type; `ends_at` is in seconds, infinite for the present one."""

    number: int
    rows: Mapping[str, tuple[Resource, ...]]

    def find(self, type_: str, **fields: str) -> list[Resource]:
        """Rows of a type by id, patient or gender."""
        return [row for row in self.rows[type_] if all(_value(row, name) == fields[name] for name in fields)]


def _value(row: Resource, name: str) -> str:
    return patient_of(row) if name == "patient" else str(row.get(name, ""))


@dataclass(frozen=True)
class Query:
    """A read or search: path, types that it depends on, patient that it names, and its result in a state."""

    path: str
    types: frozenset[str]
    result: Callable[[State], Content]
    patient: str = ""

    @property
    def lifetime(self) -> float:
        """Seconds that a response may be served."""
        return min(LIFETIMES[type_] for type_ in self.types)

    def depends_on(self, types: set[str]) -> bool:
        """Whether a change of these types can change the result."""
        return "*" in self.types or not self.types.isdisjoint(types)


def page(matches: Sequence[Resource], includes: Sequence[Resource] = ()) -> Content:
    """Content of a searchset."""
    entries = [("match", row) for row in matches] + [("include", row) for row in includes]
    return content_of((mode, row) for mode, row in entries)


def content_of(entries: Any, total: int | None = None) -> Content:
    """Content of entries with their modes."""
    counts = Counter((mode, f"{row['resourceType']}/{row['id']}", mark_of(row)) for mode, row in entries)
    return frozenset(counts.items()), total


def read_query(type_: str, id_: str) -> Query:
    """Read of a resource."""

    def result(state: State) -> Content:
        found = state.find(type_, id=id_)
        return page(found) if found else None

    return Query(f"{type_}/{id_}", frozenset({type_}), result, id_ if type_ == "Patient" else "")


def patient_queries(id_: str) -> list[Query]:
    """Searches that name a patient."""

    def with_referrers(types: tuple[str, ...]) -> Callable[[State], Content]:
        def result(state: State) -> Content:
            patients = state.find("Patient", id=id_)
            rows = [row for type_ in types for row in state.find(type_, patient=id_)]
            return page(patients, rows if patients else [])

        return result

    def with_patient(state: State) -> Content:
        bookings = state.find("Appointment", patient=id_)
        return page(bookings, state.find("Patient", id=id_) if bookings else [])

    clinical = ("Appointment", "AllergyIntolerance")
    queries = [
        (f"Patient?_id={id_}", {"Patient"}, lambda state: page(state.find("Patient", id=id_))),
        (f"Patient?_id={id_}&_revinclude=*", {"Patient", "*"}, with_referrers(clinical)),
        (
            f"Patient?_id={id_}&_revinclude=AllergyIntolerance:patient",
            {"Patient", "AllergyIntolerance"},
            with_referrers(("AllergyIntolerance",)),
        ),
        (
            f"Appointment?patient={id_}",
            {"Appointment"},
            lambda state: page(state.find("Appointment", patient=id_)),
        ),
        (f"Appointment?patient={id_}&_include=Appointment:patient", {"Appointment", "Patient"}, with_patient),
        (
            f"AllergyIntolerance?patient={id_}",
            {"AllergyIntolerance"},
            lambda state: page(state.find("AllergyIntolerance", patient=id_)),
        ),
    ]
    return [Query(path, frozenset(types), result, id_) for path, types, result in queries]


def site_queries() -> list[Query]:
    """Searches that name no patient."""

    def of_gender(state: State) -> Content:
        patients = {row["id"] for row in state.find("Patient", gender="female")}
        return page([row for row in state.rows["AllergyIntolerance"] if patient_of(row) in patients])

    def count(state: State) -> Content:
        return content_of((), len(state.find("Patient", gender="female")))

    return [
        Query(
            "Patient?gender=female",
            frozenset({"Patient"}),
            lambda state: page(state.find("Patient", gender="female")),
        ),
        Query("Patient?gender=female&_summary=count", frozenset({"Patient"}), count),
        Query(
            "AllergyIntolerance?patient.gender=female",
            frozenset({"AllergyIntolerance", "Patient"}),
            of_gender,
        ),
    ]


@dataclass
class History:
    """States of one practice that a response may still show, and the first that is current for each write."""

    practice: Practice
    states: list[State] = field(default_factory=list)
    ends: dict[int, float] = field(default_factory=dict)
    _written: list[tuple[set[str], str, int]] = field(default_factory=list)

    def update(self, now: float) -> State:
        """Note the practice's present state at `now`, and return it."""
        rows = {
            type_: tuple(record.resource for record in self.practice.tables[type_].values())
            for type_ in TYPES
        }
        latest = self.states[-1] if self.states else State(-1, {})
        if latest.rows and all(_same(rows[type_], latest.rows[type_]) for type_ in TYPES):
            return latest
        self.ends[latest.number] = now
        self.states.append(State(latest.number + 1, rows))
        self.states = [state for state in self.states if self.ends.get(state.number, now) > now - 120]
        return self.states[-1]

    def require_current(self, types: set[str], patient: str = "") -> None:
        """From now on no response about these types, or this patient, may show an earlier state."""
        number = self.states[-1].number
        self._written = [item for item in self._written if item[:2] != (types, patient)]
        self._written.append((types, patient, number))

    def first_state(self, query: Query) -> int:
        """Number of the first state that a response to a query may show, by the writes and purges so far."""
        return max(
            (number for types, patient, number in self._written if _concerns(query, types, patient)),
            default=0,
        )

    def permits(self, query: Query, content: Content, now: float, first: int) -> bool:
        """Whether a response with this content is one of a permitted state."""
        lifetime = query.lifetime if content is not None else NOT_FOUND_SECONDS
        return any(
            query.result(state) == content
            for state in reversed(self.states)
            if state.number >= first and self.ends.get(state.number, now) > now - lifetime
        )


def _same(new: tuple[Resource, ...], old: tuple[Resource, ...]) -> bool:
    return len(new) == len(old) and all(a is b for a, b in zip(new, old, strict=True))


def _concerns(query: Query, types: set[str], patient: str) -> bool:
    return query.patient in {"", patient} if patient else query.depends_on(types) or "*" in types
