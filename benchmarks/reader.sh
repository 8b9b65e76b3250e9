# shellcheck shell=bash
# The peer of benchmarks/reader.py and the RTSP server are those of benchmarks/recording.py.
# Sourced by scripts/bench.

# shellcheck source=benchmarks/recording.sh
. benchmarks/recording.sh
