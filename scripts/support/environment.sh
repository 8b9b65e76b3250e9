# shellcheck shell=bash
# Makes the two Python environments. Sourced after common.sh and python.sh.
#
#   ensure_environment run   .venv/run: Home Assistant as the demo runs it
#   ensure_environment dev   .venv/dev: the tests and the linters
#
# Both return at once when nothing changed since the last call. Afterwards use
# .venv/NAME/bin/python; the paths that native builds need are exported.

hash_of() {
  if have sha256sum; then
    sha256sum "$@" | cut -d ' ' -f 1
  elif have shasum; then
    shasum -a 256 "$@" | cut -d ' ' -f 1
  else
    cksum "$@" | cut -d ' ' -f 1,2
  fi
}

# What an environment was made from. It names the folder as well: an environment
# that was copied elsewhere would still run the old place's files.
environment_stamp() {
  echo "requirements $(hash_of "$ROOT/requirements/$1.txt")"
  echo "place $ROOT/.venv/$1"
}

environment_is_current() {
  local folder="$ROOT/.venv/$1"
  [ "$(cat "$folder/.made-from" 2>/dev/null)" = "$(environment_stamp "$1")" ] &&
    "$folder/bin/python" -I -c '' >/dev/null 2>&1
}

# The Python under an environment, as its own record has it.
environment_base() {
  sed -n 's/^home *= *//p' "$ROOT/.venv/$1/pyvenv.cfg" 2>/dev/null
}

make_environment() {
  local name="$1" folder="$ROOT/.venv/$1" stamp sync=""
  # Another script may have made it while this one waited for the lock.
  if environment_is_current "$name"; then
    return 0
  fi
  ensure_uv
  ensure_python
  export_build_paths "$PYTHON"
  # Without its stamp an environment was interrupted half-way, and nothing in it
  # can be believed; with one, it is complete and only needs the difference.
  if [ -f "$folder/.made-from" ] &&
    grep -qxF "place $folder" "$folder/.made-from" && python_suits "$folder/bin/python"; then
    say "Updating the environment .venv/$name"
  else
    say "Making the environment .venv/$name ($(grep -c '==' "$ROOT/requirements/$name.txt") packages)"
    rm -rf "$folder"
    quietly "$UV" venv --quiet --python "$PYTHON" "$folder" ||
      fail "the environment .venv/$name could not be made with $PYTHON"
  fi
  stamp="$(environment_stamp "$name")"
  rm -f "$folder/.made-from"
  # Someone who watches gets uv's own progress bar.
  [ -t 2 ] || sync=quietly
  $sync "$UV" pip sync --python "$folder/bin/python" "$ROOT/requirements/$name.txt" ||
    fail "requirements/$name.txt could not be installed into .venv/$name.
Look at the message above; when it is about the network, run this again: what was
downloaded is kept. When a compiler is missing:
  - Debian/Ubuntu: apt-get install g++ (and python3.14-dev, if python3.14 is Debian's own)
  - macOS:         xcode-select --install"
  echo "$stamp" >"$folder/.made-from"
}

ensure_environment() {
  local name="$1"
  if ! environment_is_current "$name"; then
    # Without a compiler the source-only requirements cannot be built.
    ensure_system_packages build
    with_lock "$ROOT/.tools/setup.lock" make_environment "$name"
  fi
  export_build_paths "$(environment_base "$name")/"
  keep_bytecode
}

# Who does not want bytecode beside the sources gets it elsewhere: without any, each
# start of a Python compiles Home Assistant anew, which takes longer than the rest.
keep_bytecode() {
  if [ -n "${PYTHONDONTWRITEBYTECODE:-}" ]; then
    unset PYTHONDONTWRITEBYTECODE
    export PYTHONPYCACHEPREFIX="${PYTHONPYCACHEPREFIX:-$ROOT/.venv/bytecode}"
  fi
}
