"""Settings of HaloITSM's emulator."""

from pydantic import Field

from gateway.emulator.frozen_settings import FrozenSettings


class RateWindow(FrozenSettings):
    """Maximum number of requests of one API client in any period of some seconds."""

    requests: int = Field(ge=1)
    seconds: float = Field(gt=0)


#: HaloITSM's text names 300 requests in 5 minutes, its fair use policy 500 in 3 minutes.
DOCUMENTED_RATES = (RateWindow(requests=300, seconds=300), RateWindow(requests=500, seconds=180))


class HaloItsmSettings(FrozenSettings):
    """All settings. `clients`: client id -> secret; sizes in bytes.

    The report that is too large gets 504 after `report_seconds`.
    """

    seed: int = 2026
    tickets: int = Field(default=120, ge=0, le=20_000)
    tenant: str = "demo"
    clients: dict[str, str] = Field(
        default_factory=lambda: {"demo-client": "demo-secret", "other-client": "other-secret"}
    )
    token_seconds: int = Field(default=3_600, ge=1)
    rate_windows: tuple[RateWindow, ...] = DOCUMENTED_RATES
    max_body: int = Field(default=30_000_000, ge=1)
    report_seconds: float = Field(default=1, ge=0)
    keep_requests: int = Field(default=2_000, ge=1)
