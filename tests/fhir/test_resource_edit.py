"""Edits of Resource.meta."""

import pytest
from msgspec import Raw

from gateway.fhir.resource_edit import with_meta_element


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
