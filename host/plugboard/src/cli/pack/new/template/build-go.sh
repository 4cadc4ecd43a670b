#!/bin/sh
# Builds plugin.go into @NAME@.wasm. Go's runtime asks for WASI: the host gives it one with nothing behind it.
set -eu

# Where the sources of a crate are, in cargo's own cache: source_of NAME VERSION
source_of() {
  mkdir -p "target/$1/src"
  : >"target/$1/src/lib.rs"
  printf '[package]\nname = "fetch"\nedition = "2024"\n[dependencies]\n%s = "%s"\n[workspace]\n' "$1" "$2" >"target/$1/Cargo.toml"
  cargo metadata --quiet --format-version 1 --manifest-path "target/$1/Cargo.toml" |
    python3 -c "import json, os, sys; print(*[os.path.dirname(p['manifest_path']) for p in json.load(sys.stdin)['packages'] if p['name'] == '$1'])"
}

rm -rf gen
wit-bindgen go wit --world @WORLD@-plugin --out-dir gen
# Of a case that is called `tag` the generator calls the wrong getter.
sed -i.bak 's/payload := \(.*\)\.Tag()$/payload := \1.Tag_()/' gen/wit_exports.go
mkdir -p gen/export_plugboard_plugin_@WORLD@
cp plugin.go gen/export_plugboard_plugin_@WORLD@/
# What the bindings need at run time travels with their generator, so that no module proxy is asked.
cp -r "$(source_of wit-bindgen-go 0.63.0)/src/pkg" gen/pkg
# In step with the host's wasmtime.
adapter=$(source_of wasi-preview1-component-adapter-provider 48)/artefacts/wasi_snapshot_preview1.reactor.wasm
cd gen
go mod edit -replace go.bytecodealliance.org/pkg=./pkg
GOFLAGS=-mod=mod GOPROXY=off GOTOOLCHAIN=local GOOS=wasip1 GOARCH=wasm \
  go build -buildmode=c-shared -ldflags="-checklinkname=0 -w" -o core.wasm .
wasm-tools component embed ../wit --world @WORLD@-plugin core.wasm -o embedded.wasm
wasm-tools component new embedded.wasm --adapt "wasi_snapshot_preview1=$adapter" -o "../@NAME@.wasm"
