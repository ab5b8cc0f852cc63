#!/bin/sh
# Runs a command where there is no network, with the session's proxy at its usual address.
#
#   relay.sh SOCKET COMMAND [ARGUMENT...]
#
# The address is the one of HTTPS_PROXY, of which nothing has to be changed.
socket=$1
shift
port=${HTTPS_PROXY##*:}
socat "TCP-LISTEN:$port,bind=127.0.0.1,fork,reuseaddr" "UNIX-CONNECT:$socket" &
until socat /dev/null "TCP:127.0.0.1:$port" 2>/dev/null; do sleep 0.05; done
"$@"
code=$?
kill "$!"
wait "$!" # whose code would be firejail's, if it ended last
exit "$code"
