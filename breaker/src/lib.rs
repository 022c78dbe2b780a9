//! The breaker.
