# The steps of .ci/run, one recipe each, and `ci` for all of them. A step is written there and nowhere else: .ci/run compares the names.

# Everything that must hold
ci:
    .ci/run

# Debian's packages that the tests call
packages:
    .ci/run packages

# The clients of docs/clients.md, and what other suites start, into target/clients
clients:
    .ci/run clients

# typos, cargo-deny, cargo-shear, just, into target/tools
tools:
    .ci/run tools

# rustfmt, without a change
format:
    .ci/run format

# Clippy, with each warning an error
lint:
    .ci/run lint

# No dbg!, todo!, FIXME
leftovers:
    .ci/run leftovers

# Spelling (_typos.toml)
typos:
    .ci/run tools typos

# No dependency that nothing uses
unused:
    .ci/run tools unused

# Licences, duplicates and sources of the dependencies (deny.toml)
deny:
    .ci/run tools deny

# rustdoc, private items too, with each warning an error
docs:
    .ci/run docs

# This file has a recipe for each step
just:
    .ci/run tools just

# Each fuzz target for a short while; FUZZ_SECONDS=3600 for a long one
fuzz:
    .ci/run fuzz

# The README's first command
quickstart:
    .ci/run quickstart

# Login, refresh and revocation against an authorization server that is not ours
interop:
    .ci/run interop

# Official SDKs and CLIs, unmodified, against stand-ins of their APIs
sdks:
    .ci/run sdks

# Sandboxes and containers that are not ours, each with a session of `authsome proxy`
launchers:
    .ci/run launchers

# The .deb, the .rpm and the tarball: built twice, installed, used, upgraded, removed
packaging:
    .ci/run packaging

# Instructions of a request, beside those committed
instructions:
    .ci/run instructions

# The bootstraps on each Node and Python
bootstraps:
    .ci/run bootstraps

# Every bundled definition fits the published schema
definitions:
    .ci/run definitions

# A hostile command, with each defence and without it
attacks:
    .ci/run attacks

# All tests
test:
    .ci/run test
