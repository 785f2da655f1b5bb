"""Emulator of HaloITSM's API."""
