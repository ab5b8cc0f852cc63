#!/bin/sh
# For RUSTC_WORKSPACE_WRAPPER: the workspace's own crates with a switch for each wall (src/isolate/wall.rs). Cargo keeps what this builds apart
# from the ordinary build, and shares the dependencies.
exec "$@" --cfg undefended -D warnings
