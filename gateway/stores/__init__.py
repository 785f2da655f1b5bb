"""Stores of state, in this process or shared by replicas."""
