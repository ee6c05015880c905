# What bench/run and bench/scale share; to be sourced.

say() { printf '%s\n' "$*" >&2; }
die() { say "bench/${0##*/}: $*"; exit 1; }

seconds() { awk -v ms="${1:-}" 'BEGIN { if (ms != "") printf "%.2f", ms / 1000 }'; }
ratio() { awk -v a="${1:-}" -v b="${2:-}" 'BEGIN { if (a != "" && b != "" && b > 0) printf "%.2f", a / b }'; }

# What it was measured on.
machine() {
    echo "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo 2>/dev/null | head -n 1), $(nproc) cores, $(awk '/MemTotal/ { printf "%.0f GB", $2 / 1048576 }' /proc/meminfo), $(uname -sm)"
}

# target WHAT VALUE at-most|at-least LIMIT UNIT: a row of the table of targets
target() {
    local verdict
    if [ -z "$2" ]; then
        verdict='not measured'
    elif awk -v v="$2" -v l="$4" -v how="$3" 'BEGIN { exit !(how == "at-most" ? v <= l : v >= l) }'; then
        verdict=reached
    else
        verdict='**not reached**'
    fi
    echo "| $1 | ${3/-/ } $4 $5 | ${2:--} | $verdict |"
}
