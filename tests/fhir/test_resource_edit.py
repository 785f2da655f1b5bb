import pytest
from msgspec import Raw

from gateway.fhir.resource_edit import with_meta_element


def test_meta_is_changed_in_place_and_only_when_it_changes() -> None:
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
def test_only_the_resources_own_stamp_changes_wherever_it_stands(body: bytes) -> None:
    seen = []

    def change(kind: str, text: str) -> str:
        seen.append((kind, text))
        return "new"

    mended = bytes(with_meta_element(Raw(body), "lastUpdated", change))
    assert seen == [("Patient", "old")]
    assert b"".join(mended.split()) == b"".join(body.replace(b"old", b"new").split())
