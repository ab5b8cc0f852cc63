#!/usr/bin/env bash
# A crate in an empty directory, published to a registry whose index everybody may read.
set -euo pipefail
# rustup's cargo looks below a home that is not this one.
home=$(dirname "$(dirname "$(command -v cargo)")")/../.rustup
[ ! -d "$home" ] || export RUSTUP_HOME=${RUSTUP_HOME:-$home}
cd "$(mktemp -d)"
mkdir .cargo src
printf '[registries.acme]\nindex = "sparse+https://crates.acme.test/index/"\n' >.cargo/config.toml
printf '[package]\nname = "ada-engine"\nversion = "1.0.0"\nedition = "2021"\ndescription = "."\nlicense = "MIT"\n' >Cargo.toml
touch src/lib.rs
export CARGO_REGISTRIES_ACME_TOKEN=$CARGO_REGISTRY_TOKEN
cargo publish --registry acme --no-verify --allow-dirty --color never 2>&1 | sed -n 's/^ *\(Published .*\)/\1/p'
