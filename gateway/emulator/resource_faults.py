"""Faults of resources: what a site's engine writes wrong in every resource, by the id of the known issue."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from gateway.emulator.rendering import with_absolute_urls, with_last_updated

if TYPE_CHECKING:
    from gateway.emulator.request_context import RequestContext

Resource = dict[str, Any]


class ResourceFault(NamedTuple):
    """What a fault changes in a resource, and the path of a resource that shows it, such as `Slot/1`.

    The demo and the tests of the known issues request that path; it is empty if they request enough without.
    """

    change: Callable[[Resource, "RequestContext"], Resource]
    example: str = ""


def _use_absolute_urls(resource: Resource, context: "RequestContext") -> Resource:
    return with_absolute_urls(resource, context.link_base or context.client_base)


def _use_style_of_type(resource: Resource, context: "RequestContext") -> Resource:
    style = context.variants.last_updated.get(resource["resourceType"], "ok")
    return with_last_updated(resource, style, context.site.zone)


#: In the order in which they change a resource.
RESOURCE_FAULTS: Final[Mapping[str, ResourceFault]] = {
    "reference-base-url": ResourceFault(_use_absolute_urls),
    "last-updated-offset": ResourceFault(_use_style_of_type),
}
