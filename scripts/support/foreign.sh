# shellcheck shell=bash
# Other projects' test suites, run against ours. Sourced after common.sh, python.sh,
# environment.sh and system_packages.sh.
#
#   fetch_pyftpdlib_tests   pyftpdlib's source with its tests; prints the folder
#
# Nothing of them is in this repository: they are fetched into .tools/.

PYFTPDLIB_VERSION=2.2.0
PYFTPDLIB_HASH=sha256:4ba0642078792df63dd3b2e9c8f838f2a3ecf428c7518d5921c0530d53512acf

fetch_pyftpdlib_tests() {
  local folder="$ROOT/.tools/foreign/pyftpdlib-$PYFTPDLIB_VERSION" pip modules
  # uv cannot download a source distribution as it is; pip can.
  pip="$(install_peer pip pip==25.3)" || return 1
  modules="$(install_peer pyftpdlib-modules pyasyncore==1.0.5 pyasynchat==1.0.5)" || return 1
  if [ "$(cat "$folder/.made-from" 2>/dev/null)" != "$PYFTPDLIB_HASH" ]; then
    say "Fetching the tests of pyftpdlib $PYFTPDLIB_VERSION"
    rm -rf "$folder" "$folder.new"
    mkdir -p "$folder.new"
    echo "pyftpdlib==$PYFTPDLIB_VERSION --hash=$PYFTPDLIB_HASH" >"$folder.new/wanted.txt"
    PYTHONPATH="$pip" quietly "$ROOT/.venv/dev/bin/python" -m pip download \
      --quiet --disable-pip-version-check --no-deps --no-binary pyftpdlib \
      --require-hashes --requirement "$folder.new/wanted.txt" --dest "$folder.new" ||
      fail "the source of pyftpdlib $PYFTPDLIB_VERSION could not be downloaded"
    tar -xzf "$folder.new/pyftpdlib-$PYFTPDLIB_VERSION.tar.gz" -C "$folder.new" \
      --strip-components 1 || fail "the source of pyftpdlib could not be unpacked"
    cp -R "$modules/asyncore" "$modules/asynchat" "$folder.new/"
    echo "$PYFTPDLIB_HASH" >"$folder.new/.made-from"
    mv "$folder.new" "$folder"
  fi
  echo "$folder"
}
