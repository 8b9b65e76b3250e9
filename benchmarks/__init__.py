"""Benchmarks: each one measures a room of ours against its peers, in the same run."""
