# shellcheck shell=bash
# shellcheck disable=SC2034  # ROOT is for those who source this
# What every script needs: the repository's root and a voice.
#
# Sourced, never run. Written for bash 3.2, which macOS still ships.

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)"
readonly ROOT

# Progress goes to stderr, so that a script's stdout stays its result.
say() { printf '==> %s\n' "$*" >&2; }
warn() { printf 'warning: %s\n' "$*" >&2; }
fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# Runs a command in silence; when it fails, shows what it said.
quietly() {
  local log status=0
  log="$(mktemp "${TMPDIR:-/tmp}/hikvision_nvr.XXXXXX")"
  "$@" >"$log" 2>&1 || status=$?
  if [ "$status" -ne 0 ]; then
    tail -n 40 "$log" >&2
  fi
  rm -f "$log"
  return "$status"
}

# One set-up at a time: two scripts started together must not build the same
# folder. flock goes away with its process; where there is none (macOS), a
# folder holds the lock and the owner's process id tells a stale one.
with_lock() {
  local lock="$1"
  shift
  mkdir -p "$(dirname "$lock")"
  if have flock; then
    (
      if ! flock -n 9; then
        say "Waiting for another set-up of this repository to end"
        flock 9
      fi
      "$@" 9>&-
    ) 9>"$lock"
    return
  fi
  local waited=0 owner
  until mkdir "$lock.d" 2>/dev/null; do
    owner="$(cat "$lock.d/pid" 2>/dev/null || true)"
    # A folder without an owner is either a second old or left by a crash.
    if { [ -n "$owner" ] && ! kill -0 "$owner" 2>/dev/null; } ||
      { [ -z "$owner" ] && [ "$waited" -ge 10 ]; }; then
      rm -rf "$lock.d"
      continue
    fi
    [ "$waited" -ne 0 ] || say "Waiting for another set-up of this repository to end"
    sleep 1
    waited=$((waited + 1))
  done
  (
    trap 'rm -rf "$lock.d"' EXIT
    echo "${BASHPID:-$$}" >"$lock.d/pid"
    "$@"
  )
}
