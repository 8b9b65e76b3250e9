# shellcheck shell=bash
# shellcheck disable=SC2034  # the groups' variables are read by name
# Tools that do not come from PyPI. Sourced after common.sh.
#
#   ensure_system_packages GROUP...     install what is missing, or stop and say what to install
#   optional_system_packages GROUP...   the same, but go on after saying it (returns 1)
#   install_debian_packages PACKAGE...  for a benchmark that brings a peer; returns 1 without root
#   install_peer NAME REQUIREMENT...    PyPI packages into a folder of their own; prints the folder
#   unpack_peer NAME PACKAGE...         the same of Debian packages, which are not installed
#
# A group asks for capabilities, not for package names: a machine that has a tool
# from elsewhere is left alone. check_GROUP succeeds when the group's tools work,
# packages_GROUP and brew_GROUP name what gives them, why_GROUP says what for.

why_build="a C++ compiler, for the few requirements that come as source only"
packages_build="g++ libc6-dev"
brew_build=""
check_build() {
  { have cc || have gcc || have clang; } && { have c++ || have g++ || have clang++; }
}

# GStreamer's Python bindings belong to Debian's own Python, so that one runs them.
GSTREAMER_PYTHON="${GSTREAMER_PYTHON:-/usr/bin/python3}"
why_demo="an RTSP server for the simulated cameras, and libturbojpeg for Home Assistant's camera component"
packages_demo="python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad libturbojpeg0"
brew_demo="gstreamer pygobject3 jpeg-turbo"
check_demo() {
  local python
  for python in "$GSTREAMER_PYTHON" /opt/homebrew/bin/python3 /usr/local/bin/python3; do
    [ -x "$python" ] || continue
    if "$python" -I - >/dev/null 2>&1 <<'PYTHON'; then
import ctypes.util
import os
import sys

import gi

for name in ("Gst", "GstRtsp", "GstRtspServer"):
    gi.require_version(name, "1.0")
from gi.repository import Gst, GstRtspServer

Gst.init(None)
needed = ("matroskademux", "h264parse", "rtph264pay", "rtppcmupay")
found = all(Gst.ElementFactory.find(name) for name in needed)
turbojpeg = ctypes.util.find_library("turbojpeg") or any(
    os.path.exists(f"{prefix}/opt/jpeg-turbo/lib/libturbojpeg.dylib")
    for prefix in ("/opt/homebrew", "/usr/local")
)
sys.exit(not (found and turbojpeg))
PYTHON
      GSTREAMER_PYTHON="$python"
      return 0
    fi
  done
  return 1
}

why_e2e="a browser, curl and a font, for the end-to-end tests"
packages_e2e="chromium curl fonts-dejavu-core"
brew_e2e="--cask chromium"
check_e2e() {
  have curl || return 1
  if [ "$(uname)" = Darwin ]; then
    [ -d /Applications/Chromium.app ] || [ -d "/Applications/Google Chrome.app" ]
    return
  fi
  { have chromium || have chromium-browser || have google-chrome; } &&
    [ -n "$(find -L /usr/share/fonts /usr/local/share/fonts "$HOME/.local/share/fonts" \
      \( -name '*.ttf' -o -name '*.otf' \) 2>/dev/null | head -n 1)" ]
}

why_clients="curl, lftp, busybox and OpenSSH's client, which the receiver's tests deliver with"
packages_clients="curl lftp busybox openssh-client"
brew_clients="curl lftp"
check_clients() { have curl && have lftp && have busybox && have sftp; }

why_ceph="Ceph with its S3 gateway, for the tests against a service that is used in production"
packages_ceph="ceph-mon ceph-osd radosgw ceph-common"
brew_ceph=""
check_ceph() {
  have ceph-mon && have ceph-osd && have radosgw && have radosgw-admin && have ceph
}

# Prints the prefix that makes a command run as root; fails where there is none.
root_prefix() {
  if [ "$(id -u)" -eq 0 ]; then
    echo ""
  elif have sudo && sudo -n true 2>/dev/null; then
    echo "sudo -n"
  else
    return 1
  fi
}

install_debian_packages() {
  local prefix package missing=""
  have apt-get && have dpkg-query && prefix="$(root_prefix)" || return 1
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' ||
      missing="$missing $package"
  done
  [ -n "$missing" ] || return 0
  # A fresh machine knows no packages yet, and an old list names files that are
  # gone: update only then. (word splitting of the lists is meant)
  say "Installing Debian packages:$missing"
  # shellcheck disable=SC2086
  if apt-get install --simulate --no-install-recommends $missing >/dev/null 2>&1 &&
    debian_install "$prefix" $missing >/dev/null 2>&1; then
    return 0
  fi
  say "Refreshing Debian's package lists"
  # shellcheck disable=SC2086
  quietly $prefix env DEBIAN_FRONTEND=noninteractive apt-get update --quiet || return 1
  # shellcheck disable=SC2086
  quietly debian_install "$prefix" $missing
}

debian_install() {
  local prefix="$1"
  shift
  # Another program may hold dpkg's lock for a moment, as a new machine's own updates do.
  $prefix env DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet \
    --no-install-recommends -o DPkg::Lock::Timeout=120 "$@" </dev/null
}

missing_system_packages() {
  local group
  for group in "$@"; do
    "check_$group" || echo "$group"
  done
}

install_system_packages() {
  local group variable packages="" brew="" why="" missing
  missing="$(missing_system_packages "$@")"
  [ -n "$missing" ] || return 0
  for group in $missing; do
    variable="packages_$group"
    packages="$packages ${!variable}"
    variable="brew_$group"
    [ -z "${!variable}" ] || brew="$brew
  macOS:         brew install ${!variable}"
    variable="why_$group"
    why="$why
  - $group: ${!variable}"
  done
  # shellcheck disable=SC2086
  if install_debian_packages $packages && [ -z "$(missing_system_packages $missing)" ]; then
    return 0
  fi
  case "$missing" in
    *build*) brew="$brew
  macOS:         xcode-select --install" ;;
  esac
  printf '%s\n' "Missing on this machine:$why
Install what gives it and run this again:
  Debian/Ubuntu: apt-get update && apt-get install --no-install-recommends$packages$brew" >&2
  return 1
}

ensure_system_packages() {
  install_system_packages "$@" || exit 1
}

optional_system_packages() {
  install_system_packages "$@" || {
    warn "going on without it"
    return 1
  }
}

# A peer may not move the versions that we are measured with, so it gets a folder.
install_peer() {
  local name="$1" folder
  shift
  ensure_uv
  ensure_environment dev
  folder="$ROOT/.tools/peers/$name"
  if [ "$(cat "$folder/.made-from" 2>/dev/null)" != "$*" ]; then
    say "Installing the peer $name"
    rm -rf "$folder"
    quietly "$UV" pip install --quiet --python "$ROOT/.venv/dev/bin/python" \
      --target "$folder" "$@" || fail "the peer $name ($*) could not be installed"
    echo "$*" >"$folder/.made-from"
  fi
  echo "$folder"
}

# Some packages would start a server or add a user if they were installed.
unpack_peer() {
  local name="$1" folder packages package
  shift
  folder="$ROOT/.tools/peers/$name"
  if [ "$(cat "$folder/.made-from" 2>/dev/null)" != "$*" ]; then
    have apt-get && have dpkg-deb || return 1
    say "Fetching the peer $name" >&2
    packages="$folder.packages"
    rm -rf "$folder" "$packages"
    mkdir -p "$folder" "$packages"
    (
      cd "$packages" || exit 1
      download() { apt-get -o APT::Sandbox::User="$(id -un)" download "$@"; }
      # A fresh machine knows no packages yet.
      download "$@" >/dev/null 2>&1 ||
        { quietly apt-get update --quiet >&2 && quietly download "$@" >&2; }
    ) || return 1
    for package in "$packages"/*.deb; do
      dpkg-deb -x "$package" "$folder" || return 1
    done
    rm -rf "$packages"
    echo "$*" >"$folder/.made-from"
  fi
  echo "$folder"
}
