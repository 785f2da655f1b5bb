"""Pure rules: no I/O, no clock, inputs never changed."""
