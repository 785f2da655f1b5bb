"""Circuit breaker, pauses, rate limiter, bulkhead and retry."""
