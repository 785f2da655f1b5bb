"""Settings of OpenTelemetry traces."""

from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from gateway.extras import require_extra
from gateway.settings.base import NotBoolean, Section, Url


class Traces(Section):
    """OpenTelemetry traces of the gateway's own work."""

    endpoint: Url | None = Field(
        None,
        description="URL to which spans are sent by OTLP over HTTP, such as http://collector:4318/v1/traces."
        " Without one there are no traces. Needs the extra `otel`.",
    )
    sample_ratio: Annotated[float, NotBoolean] = Field(
        0.1, ge=0, le=1, description="Share of the requests that are recorded, from 0 to 1."
    )
    propagate: bool = Field(
        False,
        description="Whether traceparent, and the client's tracestate, are sent upstream: another company"
        " then learns the ids of traces.",
    )

    @field_validator("endpoint")
    @classmethod
    def _require_otel_extra(cls, endpoint: Url | None) -> Url | None:
        if endpoint is not None:
            require_extra("otel")
        return endpoint

    @model_validator(mode="after")
    def _require_endpoint(self) -> Self:
        if self.propagate and self.endpoint is None:
            raise ValueError(
                "traces.propagate needs traces.endpoint, such as http://collector:4318/v1/traces"
            )
        return self

    @property
    def url(self) -> str:
        """URL of the endpoint; one without a path gets that of OTLP."""
        url = str(self.endpoint)
        has_path = self.endpoint is not None and self.endpoint.path not in {None, "", "/"}
        return url if has_path else f"{url.rstrip('/')}/v1/traces"
