"""Proofs of a repair over recorded exchanges, for the tests of a plugin. See docs/plugins.md."""

from gateway.plugins.proofs import check_exchange, check_repair
from gateway.plugins.recordings import Exchange, Expectation, read_exchanges

__all__ = ["Exchange", "Expectation", "check_exchange", "check_repair", "read_exchanges"]
