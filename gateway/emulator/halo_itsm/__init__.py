"""Emulator of HaloITSM's REST API: tickets, agents, reports, OAuth, its error forms and rates."""
