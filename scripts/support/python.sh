# shellcheck shell=bash
# Finds or makes the Python that Home Assistant needs, and the uv that fills
# environments with it. Sourced after common.sh.
#
#   ensure_uv       sets UV to a usable uv
#   ensure_python   sets PYTHON to a Python that passes `python_suits`
#   export_build_paths PYTHON   lets native packages build on a private Python
#
# Everything made here stays inside the repository: .tools/ (uv, patchelf) and
# .python/ (a Python taken from Debian's archive). The system is not touched.

PYTHON_SERIES=3.14
PYTHON_MINIMUM=3.14.2
UV_VERSION=0.13.9
PATCHELF_VERSION=0.19.3.0

TOOLS_DIR="$ROOT/.tools"
PRIVATE_PYTHON_DIR="$ROOT/.python"
PRIVATE_PYTHON="$PRIVATE_PYTHON_DIR/root/usr/bin/python$PYTHON_SERIES"

# What was tried and why it did not do, for the message at the end.
PYTHON_TRIED=""
tried() { PYTHON_TRIED="$PYTHON_TRIED
  - $*"; }

# Home Assistant needs 3.14.2; the series after it has no wheels of Home
# Assistant's requirements yet. A Python built without one of these modules
# starts, but Home Assistant does not start on it.
python_suits() {
  "$1" -I -c '
import sys
import ctypes, lzma, sqlite3, ssl, zlib
lowest = tuple(int(part) for part in sys.argv[1].split("."))
sys.exit(not (lowest <= sys.version_info[:3] < (3, 15)))
' "$PYTHON_MINIMUM" >/dev/null 2>&1
}

# --- uv ----------------------------------------------------------------------

# An older uv does not know the requirement files' syntax or Python 3.14.
uv_suits() {
  local version major minor
  version="$("$1" --version 2>/dev/null | sed -n 's/^uv \([0-9][0-9.]*\).*/\1/p')"
  major="${version%%.*}"
  minor="${version#*.}"
  minor="${minor%%.*}"
  case "$major.$minor" in
    *[!0-9.]* | .*) return 1 ;;
  esac
  [ "$major" -gt 0 ] || [ "$minor" -ge 9 ]
}

# Installs one PyPI package into a folder of its own. A target folder is also
# allowed where the system's Python is "externally managed" (PEP 668).
install_private_tool() {
  local name="$1" version="$2" target="$TOOLS_DIR/$1-$2" python
  [ ! -x "$target/bin/$name" ] || return 0
  for python in python3 python python3.14 python3.13 python3.12 python3.11; do
    "$python" -m pip --version >/dev/null 2>&1 || continue
    say "Installing $name $version into .tools/"
    rm -rf "$target.new"
    # pip says "cannot find command in PATH" and the like; only errors matter.
    if PIP_USER=0 PIP_ROOT_USER_ACTION=ignore quietly "$python" -m pip install \
      --quiet --no-deps --only-binary :all: --disable-pip-version-check \
      --target "$target.new" "$name==$version"; then
      rm -rf "$target"
      mv "$target.new" "$target"
      return 0
    fi
    rm -rf "$target.new"
    return 1
  done
  warn "no Python with pip found to install $name with"
  return 1
}

ensure_uv() {
  if [ -n "${UV:-}" ] && uv_suits "$UV"; then
    return 0
  fi
  if have uv && uv_suits uv; then
    UV="$(command -v uv)"
    return 0
  fi
  install_private_tool uv "$UV_VERSION" || fail "uv could not be installed.
Install it yourself and run this again:
  - with pip:      pip install uv
  - macOS:         brew install uv
  - Debian/Ubuntu: apt-get install python3-pip (this script then does the rest)"
  UV="$TOOLS_DIR/uv-$UV_VERSION/bin/uv"
}

# --- Python ------------------------------------------------------------------

python_on_path() {
  local name candidate
  for name in "python$PYTHON_SERIES" python3 python; do
    candidate="$(command -v "$name" 2>/dev/null || true)"
    [ -n "$candidate" ] || continue
    if python_suits "$candidate"; then
      # A version manager's shim is not the interpreter itself.
      PYTHON="$("$candidate" -I -c 'import sys; print(sys.executable)')"
      return 0
    fi
    tried "$name on PATH: $("$candidate" --version 2>&1 | head -n 1 || true)"
  done
  return 1
}

python_of_uv() {
  local found
  found="$("$UV" python find --managed-python --no-project --offline \
    ">=$PYTHON_MINIMUM,<3.15" 2>/dev/null)" || return 1
  python_suits "$found" || return 1
  PYTHON="$found"
}

# Without GitHub this fails within a second, or after the timeout where the
# network swallows packets.
python_by_uv() {
  local log="$TOOLS_DIR/uv-python-install.log"
  mkdir -p "$TOOLS_DIR"
  say "Asking uv for Python $PYTHON_SERIES"
  if UV_HTTP_RETRIES=0 UV_HTTP_TIMEOUT=20 UV_HTTP_CONNECT_TIMEOUT=5 \
    "$UV" python install --no-progress "$PYTHON_SERIES" >"$log" 2>&1 && python_of_uv; then
    return 0
  fi
  tried "uv python install $PYTHON_SERIES: $(sed -n 's/^ *[Cc]ause[d by]*: *//p; s/^error: *//p' "$log" |
    tail -n 1)"
  return 1
}

# Debian's archive as this machine's own apt knows it: mirrors and proxies of
# the machine are used, and no host name has to be written down here.
debian_archives() {
  # shellcheck disable=SC2016  # apt fills these in
  apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' \
    'Created-By: Packages' 2>/dev/null |
    awk '$3 == "main" && $2 !~ /security|updates|backports/ && !seen[$1]++ { print $1 }' |
    head -n 3
}

debian_keyring() {
  local name
  for name in pgp gpg; do
    if [ -r "/usr/share/keyrings/debian-archive-keyring.$name" ]; then
      echo "[signed-by=/usr/share/keyrings/debian-archive-keyring.$name]"
      return 0
    fi
  done
}

# apt with a state of its own: an empty status file makes it resolve the whole
# closure, as if nothing were installed.
private_apt() {
  local state="$PRIVATE_PYTHON_DIR/apt"
  DEBIAN_FRONTEND=noninteractive apt-get \
    -o Dir::Etc::sourcelist="$state/sources.list" \
    -o Dir::Etc::sourceparts=/dev/null \
    -o Dir::Etc::preferences=/dev/null \
    -o Dir::Etc::preferencesparts=/dev/null \
    -o Dir::State="$state" \
    -o Dir::State::status="$state/status" \
    -o Dir::State::lists="$state/lists" \
    -o Dir::Cache="$state/cache" \
    -o APT::Default-Release= \
    -o APT::Install-Recommends=false \
    -o APT::Sandbox::User="$(id -un)" \
    -o Acquire::Languages=none \
    -o Acquire::PDiffs=false \
    -o Acquire::Retries=1 \
    -o Acquire::http::Timeout=20 \
    -o Acquire::https::Timeout=20 \
    "$@"
}

python_from_debian() {
  local tool archive patchelf tree loader libraries="" folder package log found=""
  local state="$PRIVATE_PYTHON_DIR/apt"
  for tool in apt-get dpkg dpkg-deb; do
    if ! have "$tool"; then
      tried "Debian's archive: no $tool here"
      return 1
    fi
  done
  if [ "$(dpkg --print-architecture)" != amd64 ]; then
    tried "Debian's archive: only done on amd64, this is $(dpkg --print-architecture)"
    return 1
  fi
  if ! install_private_tool patchelf "$PATCHELF_VERSION"; then
    tried "Debian's archive: patchelf could not be installed"
    return 1
  fi
  patchelf="$TOOLS_DIR/patchelf-$PATCHELF_VERSION/bin/patchelf"

  say "Taking Python $PYTHON_SERIES from Debian's archive into .python/ (the system stays as it is)"
  tree="$PRIVATE_PYTHON_DIR/root"
  rm -rf "$PRIVATE_PYTHON_DIR"
  mkdir -p "$state/lists/partial" "$state/cache/archives/partial" "$tree"
  : >"$state/status"
  log="$PRIVATE_PYTHON_DIR/apt.log"
  while read -r archive; do
    [ -n "$archive" ] || continue
    echo "deb $(debian_keyring) $archive sid main" >"$state/sources.list"
    if private_apt update >"$log" 2>&1 </dev/null &&
      private_apt install --yes --download-only "python$PYTHON_SERIES" \
        "libpython$PYTHON_SERIES-dev" libstdc++6 >>"$log" 2>&1 </dev/null; then
      found=yes
      break
    fi
  done <<ARCHIVES
$(debian_archives)
ARCHIVES
  if [ -z "$found" ]; then
    tried "Debian's archive: $(grep -E '^(E|Err|W):' "$log" 2>/dev/null | tail -n 1 ||
      true) (suite sid of the archive in this machine's apt sources)"
    return 1
  fi

  for package in "$state/cache/archives"/*.deb; do
    if ! dpkg -x "$package" "$tree" >>"$log" 2>&1; then
      tried "Debian's archive: $(basename "$package") could not be unpacked"
      return 1
    fi
  done

  # The extracted C library is newer than the machine's, so Python must run
  # under the loader and beside the libraries it came with. RPATH, not
  # RUNPATH: only that also serves the modules that Python loads later.
  loader="$(find "$tree" -name 'ld-linux-x86-64.so.2' | head -n 1)"
  for folder in "$tree"/usr/lib/x86_64-linux-gnu "$tree"/lib/x86_64-linux-gnu; do
    [ ! -d "$folder" ] || libraries="$libraries${libraries:+:}$folder"
  done
  if ! "$patchelf" --set-interpreter "$loader" "$PRIVATE_PYTHON" >>"$log" 2>&1 ||
    ! "$patchelf" --force-rpath --set-rpath "$libraries" "$PRIVATE_PYTHON" >>"$log" 2>&1; then
    tried "Debian's archive: $(tail -n 1 "$log")"
    return 1
  fi

  # A compiler may see Python's headers, but not the newer C library's that
  # came along: the machine's own linker could not keep their promises.
  mkdir -p "$PRIVATE_PYTHON_DIR/include/x86_64-linux-gnu"
  ln -s "../root/usr/include/python$PYTHON_SERIES" "$PRIVATE_PYTHON_DIR/include/"
  ln -s "../../root/usr/include/x86_64-linux-gnu/python$PYTHON_SERIES" \
    "$PRIVATE_PYTHON_DIR/include/x86_64-linux-gnu/"

  if ! python_suits "$PRIVATE_PYTHON"; then
    tried "Debian's archive: the Python taken from it does not run: $(
      "$PRIVATE_PYTHON" -I -c 'import ctypes, lzma, sqlite3, ssl, zlib' 2>&1 | tail -n 1
    )"
    return 1
  fi
  rm -rf "$state"
  PYTHON="$PRIVATE_PYTHON"
}

ensure_python() {
  if [ -n "${PYTHON:-}" ] && python_suits "$PYTHON"; then
    return 0
  fi
  PYTHON_TRIED=""
  if python_on_path; then return 0; fi
  if python_suits "$PRIVATE_PYTHON"; then
    PYTHON="$PRIVATE_PYTHON"
    return 0
  fi
  ensure_uv
  if python_of_uv || python_by_uv || python_from_debian; then return 0; fi
  fail "no Python >= $PYTHON_MINIMUM (below 3.15) found or made. Tried:$PYTHON_TRIED
Install one and run this again:
  - anywhere GitHub can be reached: uv python install $PYTHON_SERIES
  - macOS:                          brew install python@$PYTHON_SERIES
  - Debian 14, Ubuntu 26.04:        apt-get install python$PYTHON_SERIES python$PYTHON_SERIES-dev
  - pyenv:                          pyenv install $PYTHON_SERIES && pyenv shell $PYTHON_SERIES"
}

# Some requirements come as source only, and Home Assistant may build more at
# run time. The private Python still names /usr/include as its headers' place.
export_build_paths() {
  local include="$PRIVATE_PYTHON_DIR/include"
  case "$1" in
    "$PRIVATE_PYTHON_DIR"/*) ;;
    *) return 0 ;;
  esac
  case ":${CPATH:-}:" in
    *":$include:"*) ;;
    *) export CPATH="$include:$include/python$PYTHON_SERIES${CPATH:+:$CPATH}" ;;
  esac
}
