"""Random searches over a practice's records, most of them near a value that is there."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final

from oracle.dates import Stored
from oracle.parameters import PARAMETERS, Parameter, elements
from oracle.records import Records
from oracle.searches import STYLES, Part, Search

_PREFIXES: Final = ("", "eq", "ne", "gt", "lt", "ge", "le", "ge", "le", "lt", "sa", "eb", "ap")
_OFFSETS: Final = ("Z", "+10:00", "+11:00", "+08:00", "-05:00", "+05:30")
_SORT_CODES: Final = {"_id", "family", "gender", "status", "criticality", "lot-number", "name"}
_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - the origin of both clocks
_KINDS: Final = (
    *("Appointment", "Observation", "Condition", "AllergyIntolerance", "Immunization", "Encounter") * 3,
    *("Patient", "MedicationStatement", "Slot") * 3,
    *("DocumentReference", "PractitionerRole", "Practitioner", "Schedule", "Location", "Organization"),
)


class SearchDice:
    """Random searches over the records of a practice."""

    def __init__(self, random: Random, records: Records, base: str, now: datetime) -> None:
        self.random, self.records, self.base, self.now = random, records, base, now
        self.anchor: dict[str, Any] = {}

    def search(self) -> Search:
        """One to three criteria, and result parameters that keep the pages few."""
        kind = self.random.choice(_KINDS)
        self.anchor = self.random.choice(list(self.records.tables[kind].values()))
        parts = [part for _ in range(self.random.choice((1, 1, 2, 2, 3))) for part in self._criterion(kind)]
        matches = len(self.records.select(kind, [(p.name, p.values) for p in parts], self.now))
        parts += self._result_parts(kind, {part.name for part in parts}, matches)
        is_post = self.random.random() < 0.4
        self.random.shuffle(parts)
        style = self.random.choice(("plain", "plain", *STYLES))
        spelled = [replace(p, style=style, in_form=is_post and self.random.random() < 0.6) for p in parts]
        return Search(
            kind, tuple(spelled), is_post, self.random.choice(("&", "&", "&", "&&", "&_format=json&"))
        )

    def _criterion(self, kind: str) -> list[Part]:
        """One criterion, or two of the same date parameter."""
        roll = self.random.random()
        if roll < 0.1:
            chain = self._has(kind) if self.random.random() < 0.4 else self._chain(kind)
            return [chain or self._plain(kind, self._parameter(kind))]
        dates = [parameter for parameter in PARAMETERS[kind].values() if parameter.is_date]
        if roll < 0.55:
            parameter = self.random.choice(dates)
            return [self._plain(kind, parameter) for _ in range(self.random.choice((1, 1, 2)))]
        return [self._plain(kind, self._parameter(kind))]

    def _parameter(self, kind: str) -> Parameter:
        return self.random.choice(list(PARAMETERS[kind].values()))

    def _plain(self, kind: str, parameter: Parameter) -> Part:
        if self.random.random() < 0.05 and parameter.code not in {"_id", "_lastUpdated"}:
            return Part(f"{parameter.code}:missing", (self.random.choice(("true", "false")),))
        if parameter.is_date:
            count = self.random.choice((1, 1, 1, 1, 1, 2, 2, 3, 4))
            return Part(parameter.code, tuple(self._date(kind, parameter) for _ in range(count)))
        count = self.random.choice((1, 1, 1, 2, 3))
        modifier, value = {
            "string": self._string,
            "token": self._token,
            "reference": self._reference,
        }[parameter.kind](parameter)
        values = [value, *(self._value(parameter, modifier) for _ in range(count - 1))]
        return Part(f"{parameter.code}{modifier}", tuple(dict.fromkeys(values)))

    def _value(self, parameter: Parameter, modifier: str) -> str:
        makers = {"string": self._string, "token": self._token, "reference": self._reference}
        for _ in range(20):
            other, value = makers[parameter.kind](parameter)
            if other == modifier:
                return value
        return value

    def _element(self, parameter: Parameter) -> Any:
        found = elements(parameter, self._row(parameter.base))
        return self.random.choice(found) if found else None

    def _row(self, kind: str) -> dict[str, Any]:
        """The row that most criteria of this search fit, or any other."""
        if self.anchor["resourceType"] == kind and self.random.random() < 0.75:
            return self.anchor
        return self.random.choice([*self.records.tables[kind].values()] or [{}])

    def _string(self, parameter: Parameter) -> tuple[str, str]:
        text = str(self._element(parameter) or "Nothing here")
        modifier = self.random.choice(("", "", ":exact", ":contains"))
        if modifier == ":exact":
            return modifier, text
        start = self.random.randrange(len(text)) if modifier else 0
        part = text[start : start + self.random.choice((1, 3, len(text)))].strip() or text
        return modifier, self.random.choice((part, part.upper(), part.lower()))

    def _token(self, parameter: Parameter) -> tuple[str, str]:
        element = self._element(parameter)
        modifier = self.random.choice(("", "", "", ":not"))
        if element is None:
            return modifier, "absent"
        if isinstance(element, bool):
            return modifier, "true"
        if isinstance(element, str):
            return modifier, element
        if "coding" not in element and set(element) == {"text"}:
            return ":text", element["text"][:4]
        coding = element.get("coding", [element])[0]
        code, system = coding.get("code") or coding.get("value"), coding.get("system", "")
        with_system = (system and "value" not in coding) or parameter.code == "identifier"
        forms = [code, *([f"{system}|{code}", f"{system}|"] if with_system else [])]
        return modifier, self.random.choice(forms)

    def _reference(self, parameter: Parameter) -> tuple[str, str]:
        local = self._element(parameter) or f"{parameter.targets[0]}/99999"
        kind, _, identity = local.partition("/")
        if len(parameter.targets) > 1:
            return self.random.choice((("", local), (f":{kind}", identity)))
        forms = [("", local), ("", identity), (f":{kind}", identity), ("", f"{self.base}/{local}")]
        return self.random.choice(forms)

    def _chain(self, kind: str) -> Part | None:
        steps = [p for p in PARAMETERS[kind].values() if p.kind == "reference" and self._rows(p.targets[0])]
        if not steps:
            return None
        step = self.random.choice(steps)
        target = self.random.choice(step.targets)
        if not self._rows(target):
            return None
        inner = self._plain(target, self._parameter(target))
        typed = len(step.targets) > 1 or self.random.random() < 0.5
        return Part(f"{step.code}{f':{target}' if typed else ''}.{inner.name}", inner.values)

    def _has(self, kind: str) -> Part | None:
        steps = [
            p for t in PARAMETERS.values() for p in t.values() if kind in p.targets and self._rows(p.base)
        ]
        if not steps:
            return None
        step = self.random.choice(steps)
        inner = self._plain(step.base, self._parameter(step.base))
        return Part(f"_has:{step.base}:{step.code}:{inner.name}", inner.values)

    def _rows(self, kind: str) -> int:
        return len(self.records.tables.get(kind, {}))

    def _date(self, kind: str, parameter: Parameter) -> str:
        values = self.records.values(parameter).get(self._row(kind).get("id", ""), [])
        moment = self._moment(self.random.choice(values) if values else None)
        return self.random.choice(_PREFIXES) + self._date_text(moment)

    def _moment(self, near: Stored | None) -> datetime:
        """A moment on UTC: an end of a stored value or close to it, else any of the last eight years."""
        far = [near.utc.low, near.utc.high] if near else []
        ends = [end for end in far if abs(end) < 10**19]
        if not ends or self.random.random() < 0.1:
            return _EPOCH + timedelta(seconds=self.random.randrange(1_546_300_800, 1_798_761_600))
        shift = self.random.choice((0, 0, 0, 0, 1, -1, 60, -60, 3600, -3600, 7200, 36_000, 86_400))
        return _EPOCH + timedelta(microseconds=self.random.choice(ends) // 1000, seconds=shift)

    def _date_text(self, moment: datetime) -> str:
        unit = self.random.choice(
            ("year", "month", "day", "day", "day", "minute", "second", "second", "fraction")
        )
        zone = self.random.choice(("", "", "", "site", *_OFFSETS))
        local = moment.replace(tzinfo=UTC).astimezone(self.records.zone)
        offset = local.strftime("%z")
        if unit in {"year", "month", "day"}:
            return local.isoformat()[: {"year": 4, "month": 7, "day": 10}[unit]]
        if zone == "":
            wall = local.replace(tzinfo=None)
        else:
            zone = f"{offset[:3]}:{offset[3:]}" if zone == "site" else zone
            wall = moment + _minutes(zone)
        text = wall.isoformat(timespec="microseconds")
        digits = self.random.choice((1, 2, 3, 6))
        length = {"minute": 16, "second": 19, "fraction": 20 + digits}[unit]
        extra = "0" if unit == "fraction" and digits == 6 else ""
        return f"{text[:length]}{extra}{zone}"

    def _result_parts(self, kind: str, used: set[str], matches: int) -> list[Part]:
        roll = self.random.random()
        if roll < 0.12:
            return [self.random.choice((Part("_summary", ("count",)), Part("_count", ("0",))))]
        parts = self._page_parts(matches)
        if self.random.random() < 0.25:
            codes = [c for c, p in PARAMETERS[kind].items() if p.is_date or c in _SORT_CODES]
            codes += [code for code in codes if code in used] * 3
            parts.append(Part("_sort", (self.random.choice(("", "-")) + self.random.choice(codes),)))
        if self.random.random() < 0.22:
            parts += self._includes(kind)
        if self.random.random() < 0.06:
            parts.append(
                self.random.choice((Part("_total", ("accurate",)), Part("_elements", ("id", "status"))))
            )
        return parts

    def _page_parts(self, matches: int) -> list[Part]:
        counts = [n for n in (1, 2, 5, 7, 20, 50, 200, 1000) if matches <= 5 * n]
        if matches <= 60 and self.random.random() < 0.4:
            return []
        return [Part("_count", (str(self.random.choice(counts[:3] or [1000])),))]

    def _includes(self, kind: str) -> list[Part]:
        forward = [p for p in PARAMETERS[kind].values() if p.kind == "reference"]
        reverse = [
            p
            for base, table in PARAMETERS.items()
            for p in table.values()
            if kind in p.targets and base not in {"Slot", "Appointment"}
        ]
        choices = [("_include", p) for p in forward] + [("_revinclude", p) for p in reverse[:12]]
        if not choices:
            return []
        name, parameter = self.random.choice(choices)
        value = f"{parameter.base}:{parameter.code}"
        if name == "_include" and self.random.random() < 0.2:
            value += f":{self.random.choice(parameter.targets)}"
        if name == "_include" and self.random.random() < 0.15:
            value = f"{parameter.base}:*"
        parts = [Part(name, (value,))]
        if self.random.random() < 0.25:
            parts.append(Part("_include:iterate", ("Patient:general-practitioner",)))
        return parts


def _minutes(zone: str) -> timedelta:
    if zone == "Z":
        return timedelta(0)
    shift = timedelta(hours=int(zone[1:3]), minutes=int(zone[4:]))
    return -shift if zone[0] == "-" else shift
