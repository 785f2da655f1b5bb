"""Settings of the emulator of Health Gorilla."""

from typing import Literal

from pydantic import Field

from gateway.emulator.frozen_settings import FrozenSettings

#: Versions of FHIR: R4 below `/fhir/R4`, STU3 below `/fhir`.
Version = Literal["R4", "STU3"]


class Client(FrozenSettings):
    """An OAuth client: the secret that signs its assertions (HS256), and the versions that it may use."""

    secret: str = "demo-secret"  # noqa: S105 - synthetic
    versions: tuple[Version, ...] = ("R4", "STU3")


class HealthGorillaSettings(FrozenSettings):
    """All settings. Times are in seconds; an empty `public_url` is the host of the request."""

    public_url: str = ""
    patients: int = Field(default=45, ge=2, le=2_000)
    keep_requests: int = Field(default=2_000, ge=1, le=100_000)
    clients: dict[str, Client] = Field(
        default_factory=lambda: {
            "demo-client": Client(),
            "r4-client": Client(versions=("R4",)),
            "stu3-client": Client(versions=("STU3",)),
        }
    )
    tokens: dict[str, str] = Field(
        default_factory=lambda: {
            "demo-token": "demo-client",
            "r4-token": "r4-client",
            "stu3-token": "stu3-client",
        },
        description="Access tokens that are always valid, with their clients.",
    )
    subjects: tuple[str, ...] = ("demo-user",)
    audience: str = Field(
        default="", description="`aud` of assertions; empty: the URL of the token endpoint."
    )
    token_seconds: float = Field(default=3_600, gt=0)
    paging: Literal["cursor", "offset"] = "cursor"
    unlicensed: tuple[str, ...] = ("Coverage",)
    polls: int = Field(default=1, ge=0, description="Polls of an asynchronous request until its result.")
    concurrent_p360: int = Field(default=5, ge=0, description="Patient360 requests of a client at a time.")
    requests_per_second: int = Field(
        default=0, ge=0, description="Per client and endpoint; 0: not enforced, as in the sandbox."
    )
    link_seconds: float = Field(default=3_600, ge=0, description="Lifetime of a temporary download link.")
    sync_seconds: float = Field(default=60, gt=0, description="Longest synchronous call; then 504.")
