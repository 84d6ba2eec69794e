"""Parameters, time, memory and latency of adapters."""
