# shellcheck shell=bash
# The peers of benchmarks/receiver.py. Sourced by scripts/bench.
#
# vsftpd is taken out of Debian's package without installing it: an installed one
# would start a server on port 21 and add a user to the machine. Only root can run it.

fetch_vsftpd() {
  local folder="$ROOT/.tools/peers/vsftpd" packages="$ROOT/.tools/peers/vsftpd.packages"
  if [ ! -x "$folder/usr/sbin/vsftpd" ]; then
    have apt-get && have dpkg-deb || return 1
    say "Fetching the peer vsftpd"
    rm -rf "$folder" "$packages"
    mkdir -p "$packages"
    (
      cd "$packages" || exit 1
      download() { apt-get -o APT::Sandbox::User="$(id -un)" download vsftpd libwrap0; }
      # A fresh machine knows no packages yet.
      download >/dev/null 2>&1 || { quietly apt-get update --quiet && quietly download; }
    ) || return 1
    for package in "$packages"/*.deb; do
      dpkg-deb -x "$package" "$folder" || return 1
    done
    rm -rf "$packages"
  fi
  BENCH_VSFTPD="$folder/usr/sbin/vsftpd"
  BENCH_VSFTPD_LIBRARIES="$(dirname "$(find "$folder" -name 'libwrap.so.0' | head -n 1)")"
  export BENCH_VSFTPD BENCH_VSFTPD_LIBRARIES
}

BENCH_PYFTPDLIB="$(install_peer pyftpdlib pyftpdlib==2.2.0 pyasyncore==1.0.5 pyasynchat==1.0.5)"
export BENCH_PYFTPDLIB
if [ "$(id -u)" -ne 0 ]; then
  warn "vsftpd is left out: only root can run it"
elif ! fetch_vsftpd; then
  warn "vsftpd is left out: it could not be fetched from Debian's archive"
fi
