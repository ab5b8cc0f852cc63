# shellcheck shell=bash
# The commands of docs/install.md, which are what the checks run. Sourced by run.sh.

# The command of the page that has this in it, for a version. It is noted as run.
documented() {
  local line
  line=$(documented_commands | grep -F -- "$1")
  echo "$line" >>"$work/documented"
  sed -e "s/ *#.*//" -e "s/VERSION/$2/" -e "s|https://ADDRESS-OF-A-RELEASE|${url:-}|" <<<"$line"
}

# Each line of the page's blocks for a shell, but for those that the page says cannot be run.
documented_commands() {
  awk '/^<!-- no-run: .+ -->$/ { skipped = 1; next }
    /^```sh$/ { inside = !skipped; skipped = 0; next }
    /^```/ { inside = 0 }
    inside' "$project/docs/install.md"
}

check_documented() {
  is "each command of docs/install.md was run" '' "$(comm -3 <(documented_commands | sort -u) <(sort -u "$work/documented"))"
}
