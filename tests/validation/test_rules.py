from typing import Any

import pytest

from gateway.validation.rules import invariant_violations

URL = "http://x.example"


@pytest.mark.parametrize(
    ("type_", "value", "paths"),
    [
        ("Extension", {"url": URL, "valueString": "a"}, []),
        ("Extension", {"url": URL, "_valueString": {}}, []),
        ("Extension", {"url": URL, "extension": []}, []),
        ("Extension", {"url": URL}, [""]),
        ("Extension", {"url": URL, "valueCode": "a", "extension": []}, [""]),
        ("Bundle", {"type": "batch", "entry": [{"request": {}}, {}]}, [".entry[1].request"]),
        ("Bundle", {"type": "transaction", "entry": [{}]}, [".entry[0].request"]),
        ("Bundle", {"type": "searchset", "entry": [{}]}, []),
        ("Bundle", {"type": "batch"}, []),
        ("Bundle", {"type": ["batch"], "entry": [{}]}, []),
        ("Bundle", {"type": "batch", "entry": {}}, []),
        ("Bundle", {"type": "batch", "entry": [None, 1]}, []),
        ("Patient", {"contained": [{}, {"contained": []}]}, [".contained[1].contained"]),
        ("Patient", {"contained": {"contained": []}}, []),
        ("Patient", {"contained": [1]}, []),
        ("HumanName", {}, []),
    ],
)
def test_violation_has_path_of_element(type_: str, value: Any, paths: list[str]) -> None:
    assert [path for path, _ in invariant_violations(type_, value)] == paths
