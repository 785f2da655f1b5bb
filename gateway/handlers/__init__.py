"""The rim: each handler wraps the next one; none imports another."""
