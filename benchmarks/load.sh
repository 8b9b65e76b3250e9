# shellcheck shell=bash
# What benchmarks/load.py needs besides: the RTSP server. Sourced by scripts/bench.

ensure_system_packages demo
