"""Advice as text, for `halo-gateway advise`."""

from typing import Any

_NO_ADVICE = "No advice: of {requests} requests since {observedSince}, none costs more than it needs to."


def format_advice(result: dict[str, Any]) -> str:
    """Format the JSON of `GET /admin/advice`, one paragraph for each piece of advice."""
    if not result["advice"]:
        return _NO_ADVICE.format(**result)
    head = f"{result['requests']} requests since {result['observedSince']}, in one process"
    return "\n\n".join([head, *map(_paragraph, result["advice"])])


def _paragraph(advice: dict[str, Any]) -> str:
    per_day = advice["perDay"]
    cost = "" if per_day["cost"] is None else f", {per_day['cost']:.2f} {per_day['currency']}"
    sender = ", ".join(filter(None, (advice["app"], advice["caller"], advice["site"])))
    price = f"{per_day['queries']:,} queries and {per_day['bytes']:,} bytes{cost} a day too many"
    lines = (
        f"{advice['id']}: {advice['shape']} ({sender})",
        f"  {advice['text']}",
        f"  seen: {advice['requests']} requests, {advice['queries']} queries; {price}",
        f"  instead: {advice['instead']}",
    )
    return "\n".join(lines)
