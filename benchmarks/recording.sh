# shellcheck shell=bash
# The peer of benchmarks/recording.py, ffmpeg, and the RTSP server that feeds both.
# Sourced by scripts/bench.

ensure_system_packages demo
if ! have ffmpeg && ! install_debian_packages ffmpeg; then
  warn "ffmpeg is left out: it could not be installed"
fi
