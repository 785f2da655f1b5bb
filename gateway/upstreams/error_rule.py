"""One row of a dialect: conditions as data, and the kind of failure they mean."""

import re
from collections.abc import Collection
from dataclasses import dataclass

from gateway.errors.failure import Kind
from gateway.upstreams.upstream_error import UpstreamError


@dataclass(frozen=True, slots=True)
class Row:
    """All conditions given must hold. `says` is a regular expression, searched without regard to case.

    `own` is the kind instead when the credentials were the gateway's own; `relays` keeps the upstream's issue
    type where it is more specific.
    """

    id: str
    kind: Kind
    status: Collection[int] = ()
    types: Collection[str] = ()
    codes: Collection[str] = ()
    shapes: Collection[str] = ()
    says: str = ""
    own: Kind | None = None
    relays: bool = False

    def matches(self, error: UpstreamError) -> bool:
        """Whether an upstream error is this row's."""
        return (
            (not self.status or error.status in self.status)
            and (not self.types or error.error_type in self.types)
            and (not self.codes or error.error_code in self.codes)
            and (not self.shapes or error.shape in self.shapes)
            and (not self.says or re.search(self.says, error.said, re.IGNORECASE) is not None)
        )
