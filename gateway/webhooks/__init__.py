"""Webhooks of Halo Connect: checked, told apart from repetitions, used for invalidation, forwarded."""
