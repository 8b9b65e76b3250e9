# shellcheck shell=bash
# What benchmarks/sftp.py needs. Sourced by scripts/bench.
#
# The server is taken out of Debian's packages without installing them: an installed
# one would start on port 22 and add a user to the machine.

ensure_system_packages clients
if BENCH_OPENSSH="$(unpack_peer openssh openssh-server openssh-sftp-server libwrap0)"; then
  export BENCH_OPENSSH
else
  warn "OpenSSH's server is left out: it could not be fetched"
fi
