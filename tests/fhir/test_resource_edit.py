"""Edits of Resource.meta."""

import json

import pytest
from msgspec import Raw

from gateway.fhir.resource_edit import meta_element_edit, with_meta_element


def test_meta_element_is_changed_in_place() -> None:
    resource = Raw(b'{"id":"1","meta":{"versionId":"3","lastUpdated":"old"},"n":1.0}')
    assert with_meta_element(resource, "lastUpdated", lambda _, text: text) is resource
    assert with_meta_element(resource, "source", lambda _, text: text.upper()) is resource
    assert bytes(with_meta_element(resource, "lastUpdated", lambda _, __: "new")) == (
        b'{"id":"1","meta":{"versionId":"3","lastUpdated":"new"},"n":1.0}'
    )
    assert (
        bytes(with_meta_element(resource, "lastUpdated", lambda _, __: None))
        == b'{"id":"1","meta":{"versionId":"3"},"n":1.0}'
    )


@pytest.mark.parametrize(
    "body",
    [
        b'{"resourceType":"Patient","meta":{"lastUpdated":"old"},"x":1.0,"x":2}',
        b'{ "resourceType" : "Patient",\n "meta" : { "versionId":"3", "lastUpdated":"old" }, "n":1.5e0 }',
        b'{"n":[{"meta":{"lastUpdated":"kept"}}],"resourceType":"Patient","meta":{"lastUpdated":"old"}}',
        b'{"resourceType":"Patient","text":{"a":"\\"meta\\":{"},"meta":{"tag":[{}],"lastUpdated":"old"}}',
    ],
)
def test_only_top_level_meta_is_changed(body: bytes) -> None:
    calls = []

    def change(kind: str, text: str) -> str:
        calls.append((kind, text))
        return "new"

    edited = bytes(with_meta_element(Raw(body), "lastUpdated", change))
    assert calls == [("Patient", "old")]
    assert b"".join(edited.split()) == b"".join(body.replace(b"old", b"new").split())


def test_edit_asks_once_for_each_type_and_text() -> None:
    asked = []

    def change(type_: str, text: str) -> str | None:
        asked.append((type_, text))
        return None if text == "no" else f"{type_} {text}"

    edit = meta_element_edit("lastUpdated", change)
    bodies = [
        f'{{"resourceType":"{type_}","meta":{{"lastUpdated":"{text}"}}}}'.encode()
        for type_ in ("A", "B")
        for text in ("1", "1", "2")
    ]
    old = [json.loads(body)["meta"]["lastUpdated"] for body in bodies]
    new = [json.loads(bytes(edit(Raw(body))))["meta"]["lastUpdated"] for body in bodies]
    assert new == [f"{type_} {text}" for type_, text in zip("AAABBB", old, strict=True)]
    assert asked == [("A", "1"), ("A", "2"), ("B", "1"), ("B", "2")]
    assert "lastUpdated" not in bytes(edit(Raw(bodies[0].replace(b'"1"', b'"no"')))).decode()


def test_edit_remembers_a_limited_number_of_texts() -> None:
    asked = []

    def change(_: str, text: str) -> str | None:
        asked.append(text)
        return text

    edit = meta_element_edit("lastUpdated", change)
    bodies = [b'{"resourceType":"A","meta":{"lastUpdated":"%d"}}' % number for number in range(300)]
    resources = [Raw(body) for body in bodies] * 2
    assert [edit(resource) for resource in resources] == resources
    assert len(asked) == 300 + 300 - 256
