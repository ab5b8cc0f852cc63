# Prints the document at $1; more options may follow. Root needs --no-sandbox, the others keep Chromium from calling home.
url=$1
shift
exec chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking \
  --disable-component-update --disable-sync "$@" --dump-dom "$url"
