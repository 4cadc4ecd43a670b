//! Callers and agent phones on one clock, for benchmarks that are run by name.
