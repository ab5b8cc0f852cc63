# shellcheck shell=bash
# A check for each engine. Sourced by run.sh.
# shellcheck disable=SC2154 # work, base and the others are set by stage.sh

# In the environment of that session, as its file has it.
in_session() {
  local name=$1
  shift
  # shellcheck disable=SC2016 # it is the shell's that is started
  attempt sh -c '. "$0"; exec "$@"' "$work/$name/env" "$@"
}

# What inside.sh has printed: each client as that user, the other host refused, and no secret.
check_inside() {
  local what=$1 user=$2 other_status=$3 around=$4 line expected
  is "$what: it ends with 0" 0 "$code"
  if ((code != 0)); then forget && return; fi
  for expected in "curl: $user" "clone: done" "push: done" "node: $user" "urllib: $user" "requests: $user" "other: $other_status" \
    "around: $around" "environment: 0" "processes: 0" "files: 0" "vault: 0"; do
    line=$(grep "^${expected%%:*}:" <<<"$out") || line=nothing
    is "$what: $expected" "$expected" "$line"
  done
  is "$what: it has pushed to the repository" 1 "$(git -C "$work/repositories/team/app.git" log --oneline main 2>/dev/null | wc -l)"
  is "$what: nothing has reached another host" '' "$(grep '^other.test' "$seen" || true)"
  is "$what: no other user was seen" '' "$(grep -vE " ($user|nobody)\$" "$seen" || true)"
  forget
}

# The next check finds a repository without a commit, and no request.
forget() {
  : >"$seen"
  rm -r "$work/repositories/team/app.git"
  git init -q --bare --initial-branch=main "$work/repositories/team/app.git"
  git -C "$work/repositories/team/app.git" config http.receivepack true
}

inside() { printf '%s\n' inside.sh "$base" "$other" "$work/outside" "$@"; }

# Whether an engine works on this machine at all, without authsome: a kernel may give no namespaces to users.
works() {
  local what=$1
  shift
  if "${as_user[@]}" timeout "$command_timeout" "$@" >/dev/null 2>&1 </dev/null; then return 0; fi
  skip "$what: it does not work on this machine, not even without authsome: $*"
  return 1
}

# Its own proxy refuses what is not allowed, and takes the rest to the socket. So the variables that name a proxy are those of the sandbox.
check_sandbox_runtime() {
  local node command
  works "sandbox-runtime" bwrap --unshare-all --ro-bind / / --proc /proc --dev /dev true || return 0
  # It wants Node 22; what runs inside is the machine's.
  node=$(command -v node)
  if (($(node -p 'parseInt(process.versions.node)') < 22)); then node=$clients/node/bin/node22; fi
  install -m 755 "$node" "$work/bin/node-of-srt"
  cp -r "$clients/launchers/node_modules" "$work/node_modules"
  start_proxy srt ada --no-env HTTP_PROXY --no-env HTTPS_PROXY --no-env ALL_PROXY --no-env NO_PROXY
  cat >"$work/srt.json" <<END
{
  "network": {
    "allowedDomains": ["gitlab.test"],
    "deniedDomains": [],
    "mitmProxy": { "socketPath": "$work/srt/proxy.sock", "domains": ["gitlab.test"] }
  },
  "filesystem": { "denyRead": ["$work/outside"], "allowWrite": ["$work/user", "$work/tmp"], "denyWrite": [] }
}
END
  mapfile -t command < <(inside "$work/srt/files" "$work/tmp")
  # It puts a device over a ~/.gitconfig that is not there, which git then may not read; and says where temporary files are.
  "${as_user[@]}" touch "$work/user/.gitconfig"
  in_session srt env CLAUDE_TMPDIR="$work/tmp" "$work/bin/node-of-srt" "$work/node_modules/.bin/srt" --settings "$work/srt.json" "${command[@]}"
  check_inside "sandbox-runtime" ada 403 000
  stop_proxies
}

check_bubblewrap() {
  local command
  works "bubblewrap" bwrap --unshare-all --ro-bind / / --proc /proc --dev /dev true || return 0
  start_proxy bwrap ada --policy deny
  mapfile -t command < <(inside "$work/bwrap/files" "$work/bwrap/proxy.sock")
  in_session bwrap bwrap --unshare-all --die-with-parent --proc /proc --dev /dev --tmpfs /tmp --tmpfs "$work/user" \
    --ro-bind /usr /usr --ro-bind /etc /etc --symlink usr/bin /bin --symlink usr/lib /lib --symlink usr/lib64 /lib64 \
    --ro-bind "$work/bin" "$work/bin" --ro-bind "$work/bwrap/files" "$work/bwrap/files" --ro-bind "$work/bwrap/proxy.sock" "$work/bwrap/proxy.sock" \
    --setenv TMPDIR /tmp -- relay.sh "$work/bwrap/proxy.sock" "${command[@]}"
  check_inside "bubblewrap" ada 403 000
  stop_proxies
}

check_firejail() {
  local command
  works "firejail" firejail --quiet --noprofile --net=none -- true || return 0
  start_proxy firejail ada --policy deny
  mapfile -t command < <(inside "$work/firejail/files" "$work/tmp")
  in_session firejail firejail --quiet --noprofile --net=none --blacklist="$work/outside" -- \
    relay.sh "$work/firejail/proxy.sock" "${command[@]}"
  check_inside "firejail" ada 403 000
  stop_proxies
}

check_systemd() {
  [[ -d /run/systemd/system ]] || skip "systemd-run: systemd does not run here"
}

# Containers of a user without privileges, of an image that knows nothing of authsome, with the flags that `--container` prints and nothing else.
check_podman() {
  attempt podman import --quiet "$clients/launchers/image.tar" launchers
  is "podman: the image is imported" 0 "$code"
  if ((code != 0)); then return; fi
  works "podman" podman run --rm --network none launchers true || return 0

  start_proxy sealed ada --policy deny --format docker
  attempt container sealed --network none --volume "$work/sealed/proxy.sock:/run/authsome.sock" launchers relay.sh /run/authsome.sock \
    inside.sh "$base" "$other" "$work/outside" "$work/sealed" /run
  check_inside "podman without a network" ada 403 000
  stop_proxies

  # Its user is root in one, and another in the other.
  start_proxy flags ada --policy deny --container podman
  attempt flagged flags --volume "$work/bin:/usr/local/bin:ro" launchers inside.sh "$base" "$other" "$work/outside" /run
  check_inside "podman with the flags" ada 403 000
  attempt flagged flags --volume "$work/bin:/usr/local/bin:ro" --user 1000:1000 --env HOME=/tmp launchers \
    inside.sh "$base" "$other" "$work/outside" /run
  check_inside "podman with the flags, as another user" ada 403 000
  check_java
  stop_proxies

  check_pod
  check_two_containers
}

# At the same time, each with its own connection.
check_two_containers() {
  local name pid=() rounds=20
  # shellcheck disable=SC2016 # it is the container's shell that expands it
  local fetch='for n in $(seq "$2"); do curl -sS --max-time 30 "$1/api/v4/user"; done | sort | uniq -c'
  for name in ada bo; do
    start_proxy "of-$name" "$name" --container podman
    flagged "of-$name" launchers sh -c "$fetch" sh "$base" "$rounds" >"$work/$name.out" 2>"$work/$name.err" &
    pid+=("$!")
  done
  wait "${pid[@]}"
  for name in ada bo; do
    is "podman, two containers at once: one is $name" "$rounds {\"id\": 1, \"username\": \"$name\"}" \
      "$(sed 's/^ *//' "$work/$name.out" && cat "$work/$name.err")"
  done
  stop_proxies
}

# A JVM sends a proxy no password: the agent that the environment loads does.
check_java() {
  local jdk client
  jdk=$(dirname "$(dirname "$(realpath "$(command -v javac)")")")
  mkdir "$work/java"
  javac -d "$work/java" "$here/Fetch.java"
  # Debian's has its configuration elsewhere, by symbolic links.
  local mounts=(--volume "$jdk:$jdk:ro" --volume "/etc/java-17-openjdk:/etc/java-17-openjdk:ro" --volume "$work/java:/java:ro")
  for client in old new kept; do
    attempt flagged flags "${mounts[@]}" launchers "$jdk/bin/java" -cp /java Fetch "$client" "$base/api/v4/user"
    is "podman with the flags: Java's $client client" '{"id": 1, "username": "ada"}' "$out"
  done
  # What another process of the container asks of the agent is not answered.
  # shellcheck disable=SC2016 # it is the container's shell that expands it
  attempt flagged flags "${mounts[@]}" launchers sh -c '"$0" -cp /java Fetch wait >/tmp/port & until port=$(grep . /tmp/port); do sleep 0.1; done
    curl -sS --max-time 10 -x "http://127.0.0.1:$port" -o /dev/null -w "%{http_connect}" "$1/api/v4/user" || true; kill %1' "$jdk/bin/java" "$base"
  is "podman with the flags: the agent serves its own JVM alone" 000 "$out"
}

# The pod of examples/kubernetes.yaml, as Podman runs one.
check_pod() {
  local manifest=$work/pod/kubernetes.yaml
  prepare_pod
  attempt podman kube play --quiet --network host "$manifest"
  is "podman: the pod is started" 0 "$code"
  if ((code != 0)); then return; fi
  attempt podman wait agent-agent
  attempt podman logs agent-agent
  check_inside "podman, the pod of examples/kubernetes.yaml" ada 403 401
  attempt podman kube down "$manifest"
}

# Images of the names in the example, the home on its volume, and the key in its secret.
prepare_pod() {
  mkdir "$work/pod" "$work/pod/image"
  cp -r "$work/outside/home" "$work/pod/home"
  {
    # As it is, and not in base64 once more as in Kubernetes: Podman 4.3 does not decode it.
    printf 'apiVersion: v1\nkind: Secret\nmetadata: { name: authsome-key }\ndata: { master.key: %s }\n---\n' "$(<"$work/pod/home/master.key")"
    cat "$here/../../examples/kubernetes.yaml"
  } >"$work/pod/kubernetes.yaml"
  rm "$work/pod/home/master.key"
  cp "$work/bin/authsome" "$work/bin/inside.sh" "$work/pod/image/"
  printf '#!/bin/sh\nHOME=/tmp exec inside.sh %s %s /home/agent /session\n' "$base" "$other" >"$work/pod/image/my-agent"
  chmod 755 "$work/pod/image/my-agent"
  # Podman gives a new volume the owner and the mode of the directory that it covers: so /session begins as an emptyDir does in Kubernetes.
  cat >"$work/pod/image/Containerfile" <<'END'
FROM launchers
COPY authsome inside.sh my-agent /usr/local/bin/
RUN install -d -m 0777 /session && install -d -o 1000 -g 1000 /home/agent
END
  chown -R "$user_id:$user_id" "$work/pod"
  attempt podman build --quiet --network host --tag my-agent-image --tag my-authsome-image "$work/pod/image"
  is "podman: the pod's image is made" 0 "$code"
  attempt podman run --rm --volume authsome-home:/home/agent --volume "$work/pod/home:/from:ro" my-agent-image sh -c \
    'cp -r /from /home/agent/.authsome && chmod -R go= /home/agent/.authsome && chown -R 1000:1000 /home/agent'
  is "podman: the pod's volume is filled" 0 "$code"
}

# With what --container has printed for that session.
flagged() {
  local name=$1 flags
  shift
  eval "flags=($(<"$work/$name.flags"))"
  "${as_user[@]}" podman run --rm "${flags[@]}" "$@"
}

# For the one that is without a network, by hand, and the flags of the caller.
container() {
  local name=$1 place
  local flags=(--rm --env-file "$work/$name/env" --volume "$work/$name/files:$work/$name/files:ro" --volume "$work/bin:/usr/local/bin:ro")
  shift
  for place in /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem; do
    flags+=(--volume "$work/$name/files/bundle.pem:$place:ro")
  done
  "${as_user[@]}" podman run "${flags[@]}" "$@"
}
