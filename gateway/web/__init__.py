"""Starlette on one side, our two dataclasses on the other."""
