# shellcheck shell=bash
# Where the engines run: a user, a name for the stand-in of GitLab, devices, and two connections. Sourced by run.sh.
# shellcheck disable=SC2034,SC2154 # what is set here is read by run.sh, and the other way round

set_the_stage() {
  binary=$(realpath "$1")
  umask 022
  unset HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY http_proxy https_proxy all_proxy no_proxy
  trap clean_up EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  place=$(mktemp -d /var/tmp/authsome-launchers-XXXXXX)
  chmod 755 "$place"
  # firejail covers /tmp and /var/tmp; the image wants a file system that is on a disk.
  mount --bind "$place" /srv
  work=/srv
  # The user may not be able to look into the directory in which the project is.
  mkdir "$work/bin"
  cp "$binary" "$work/bin/authsome"
  install -m 755 "$here/inside.sh" "$here/../../examples/relay.sh" "$work/bin/"
  # Nobody else's user, with an environment of its own: nothing of the machine's settings reaches the test.
  as_user=(setpriv --reuid "$user_id" --regid "$user_id" --clear-groups env --chdir="$work/user" --ignore-environment
    PATH="$work/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin" HOME="$work/user" USER="$user_name" LOGNAME="$user_name" LANG=C.UTF-8
    TMPDIR="$work/tmp" XDG_RUNTIME_DIR="$work/runtime" STORAGE_DRIVER=overlay GIT_CONFIG_NOSYSTEM=1)
  make_user
  make_devices
  make_certificates
  start_gitlab
  log_in
  : >"$seen"
}

# Of these mounts, nobody sees anything but what this script starts.
make_user() {
  mkdir "$work/etc" "$work/outside"
  (cd "$work/etc" && cp /etc/passwd /etc/group /etc/hosts . && touch subuid subgid && cat /etc/subuid >subuid && cat /etc/subgid >subgid) 2>/dev/null
  echo "$user_name:x:$user_id:$user_id::$work/user:/bin/sh" >>"$work/etc/passwd"
  echo "$user_name:x:$user_id:" >>"$work/etc/group"
  echo "$user_name:6000000:65536" | tee -a "$work/etc/subuid" >>"$work/etc/subgid"
  # Both are this machine: what refuses the second is not that nobody is there.
  printf '127.0.0.1 gitlab.test other.test\n' >>"$work/etc/hosts"
  # As systemd leaves it; rootless podman wants it so.
  mount --make-rshared /
  local file
  for file in passwd group hosts subuid subgid; do
    touch -a "/etc/$file"
    mount --bind "$work/etc/$file" "/etc/$file"
  done
  mkdir -m 700 "$work/user" "$work/tmp" "$work/runtime" "$work/outside/home"
  chown "$user_id:$user_id" "$work"/{user,tmp,runtime,outside,outside/home}
}

# On a usual machine udev lets everybody open them, and the control groups are of the second version.
make_devices() {
  mkdir "$work/dev"
  local device
  for device in net/tun fuse; do
    [[ -c /dev/$device ]] || continue
    cp --archive "/dev/$device" "$work/dev/"
    chmod 666 "$work/dev/${device##*/}"
    mount --bind "$work/dev/${device##*/}" "/dev/$device"
  done
  if [[ $(stat --file-system --format %T /sys/fs/cgroup) != cgroup2fs ]]; then
    mount -t cgroup2 none /sys/fs/cgroup
  fi
}

make_certificates() {
  (
    cd "$work/etc"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=launchers \
      -addext keyUsage=critical,keyCertSign
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout server.key -out server.csr -subj /CN=gitlab.test
    openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -days 2 -out server.pem \
      -extfile <(echo subjectAltName=DNS:gitlab.test,DNS:other.test)
  ) 2>"$work/err"
}

# The server ends with its stdin or by clean_up, whatever comes first.
start_gitlab() {
  ada=glpat-$(openssl rand -hex 20)
  bo=glpat-$(openssl rand -hex 20)
  mkdir -p "$work/repositories/team"
  git init -q --bare --initial-branch=main "$work/repositories/team/app.git"
  git -C "$work/repositories/team/app.git" config http.receivepack true
  seen=$work/seen.log
  : >"$seen"
  coproc GITLAB {
    exec /usr/bin/python3 "$here/standin.py" "$work/etc/server.pem" "$work/etc/server.key" "$work/repositories" "$seen" 2>"$work/server.log"
  }
  server_pid=$GITLAB_PID
  printf '{"%s": "ada", "%s": "bo"}\n' "$ada" "$bo" >&"${GITLAB[1]}"
  local port output=${GITLAB[0]}
  if ! IFS= read -r -t 30 -u "$output" port; then
    cat "$work/server.log" >&2
    exit 2
  fi
  base=https://gitlab.test:$port
  other=https://other.test:$port
}

log_in() {
  local name
  for name in ada bo; do
    "${as_user[@]}" AUTHSOME_HOME="$work/outside/home" authsome login "gitlab-token/$name" --quiet --base-url "$base" \
      --ca-file "$work/etc/ca.pem" --api-key-file - <<<"${!name}" 2>"$work/err" || { cat "$work/err" >&2 && exit 2; }
  done
}

# A session with that connection, by its name; its files are at $work/NAME. Sets what it has told about itself.
start_proxy() {
  local name=$1 connection=$2 fifo=$work/ready
  shift 2
  mkfifo -m 666 "$fifo"
  install -d -m 700 -o "$user_id" -g "$user_id" "$work/$name"
  exec 8<>"$fifo"
  "${as_user[@]}" AUTHSOME_HOME="$work/outside/home" authsome proxy --quiet --connection "gitlab-token=$connection" \
    --dir "$work/$name/files" --socket "$work/$name/proxy.sock" --env-file "$work/$name/env" --ready-fd 9 "$@" 9>"$fifo" 8>&- \
    >"$work/$name.flags" 2>"$work/$name.log" &
  proxy_pids+=("$!")
  if ! IFS= read -r -t 30 -u 8 ready; then
    cat "$work/$name.log" >&2
    exit 2
  fi
  exec 8>&-
  rm "$fifo"
}

stop_proxies() {
  local pid
  for pid in "${proxy_pids[@]}"; do
    kill "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  proxy_pids=()
}

clean_up() {
  stop_proxies
  if [[ -n $server_pid ]]; then
    kill "$server_pid" 2>/dev/null || true
    wait "$server_pid" 2>/dev/null || true
  fi
  [[ -n ${work:-} ]] || return 0
  if [[ -d $work/user/.local ]]; then "${as_user[@]}" podman system migrate >/dev/null 2>&1 || true; fi
  # What is below a mount must not be removed through it. All of them are in this process's own mount namespace.
  local mounted
  while read -r mounted; do
    umount --lazy "$mounted" || true
  done < <(awk -v below="$work/" 'index($5 "/", below) == 1 { print $5 }' /proc/self/mountinfo | sort -r)
  rm -rf --one-file-system "$place"
}
