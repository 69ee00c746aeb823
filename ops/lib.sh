# Shared by the scripts of ops/. Source it; it does nothing by itself.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '\033[1m==> %s\033[0m\n' "$*" >&2; }
die() { printf 'ops: %s\n' "$*" >&2; exit 1; }

# Installs the Debian packages named, those that are missing only. Asks for sudo when not root.
need_packages() {
  local missing=()
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} = 0 ] && return
  command -v apt-get >/dev/null || die "these packages are missing, and there is no apt-get to install them: ${missing[*]}"
  local sudo=()
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || die "these packages are missing: ${missing[*]}. Install them as root, then run this again"
    sudo=(sudo)
  fi
  say "installing ${missing[*]}"
  "${sudo[@]}" apt-get update -qq || die "apt-get update failed: is the network there?"
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null ||
    die "apt-get can't install ${missing[*]}"
}

need_swift() {
  command -v swift >/dev/null || die "swift is not on the PATH: install Swift 6.3 or later (https://www.swift.org/install/linux)"
}

# What the build links against.
build_packages=(liblz4-dev libssl-dev libsqlite3-dev zlib1g-dev pkg-config)
# What the tests run beside it: a real etcd for coordinators that share their metadata, and pandas, whose windows features are held against.
test_packages=(curl etcd-server etcd-client python3-pandas)

# Builds a product in release; prints where it is.
build_release() {
  need_swift
  need_packages "${build_packages[@]}"
  say "building $1 in release (the first time takes some minutes)"
  # Without cross-module optimisation a public generic of another module is not specialised on the hot way.
  swift build -c release -Xswiftc -cross-module-optimization --product "$1" >&2 || die "the build failed"
  echo "$(swift build -c release -Xswiftc -cross-module-optimization --show-bin-path)/$1"
}

# Builds a product in release with the mistakes of Wire/Mutant.swift to be switched on; prints where it is.
build_mutants() {
  need_swift
  need_packages "${build_packages[@]}"
  say "building $1 with mutants in release (the first time takes some minutes)"
  ASSAY_MUTANTS=1 swift build -c release --scratch-path .build/mutants --product "$1" >&2 || die "the build failed"
  echo ".build/mutants/release/$1"
}
