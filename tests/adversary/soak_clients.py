"""Honest clients of the soak: those of the chaos test, with dates and bookings, and a probe of /livez."""

import msgspec
from end_to_end.chaos_clients import Client, LoadBalancer, Reader, Writer
from end_to_end.chaos_plan import Plan
from end_to_end.chaos_truth import SYSTEM, family
from end_to_end.chaos_world import KEYS, NEAR, PUBLIC

#: Name of the client that probes the process.
PROBE = "livez"


class SoakReader(Reader):
    """Reads patients and searches whose size does not grow with the creates of the run."""

    walks = (("june", 20), ("results", 10), ("letters", 30))


class Booker(Writer):
    """Books appointments after the period of all searches."""

    async def act(self) -> None:
        identifier_value = self.new_identifier()
        body = _appointment(self.site, identifier_value, self.random.randrange(10, 28))
        await self.create("Appointment", identifier_value, body)


class Probe(Client):
    """Asks whether the process serves, as a load balancer does."""

    async def act(self) -> None:
        await self.send_request("GET", f"{PUBLIC}/livez")


def create_honest_clients(balancer: LoadBalancer, plan: Plan) -> list[Client]:
    """All honest clients: about 60 requests per second."""
    clients: list[Client] = [Probe(PROBE, NEAR, balancer, plan)]
    for site in KEYS:
        end = site[-4:]
        clients += [SoakReader(f"reader {end} {number}", site, balancer, plan) for number in (1, 2)]
        clients += [
            Writer(f"writer {end}", site, balancer, plan, pause=1.0),
            Booker(f"booker {end}", site, balancer, plan, pause=1.0),
        ]
    return clients


def _appointment(site: str, identifier_value: str, day: int) -> bytes:
    start = f"2030-01-{day}T10:{{}}:00+10:00"
    return msgspec.json.encode(
        {
            "resourceType": "Appointment",
            "identifier": [{"system": SYSTEM, "value": identifier_value}],
            "description": family(site),
            "status": "booked",
            "start": start.format("00"),
            "end": start.format("15"),
            "participant": [{"actor": {"reference": "Patient/1"}, "status": "accepted"}],
        }
    )
