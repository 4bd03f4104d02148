# What `cargo xtask bench` runs in a guest that counts instructions: a nanosecond there is one instruction.
#
# usage: run.sh SETTLE_SECS RUNS [NAME LOAD READY LOSS COMMAND]...
#
# LOAD      prints one line of JSON with `ns_per_message`
# COMMAND   traces; it starts /tmp/load, which is LOAD for RUNS times, unless READY says otherwise
# READY     what COMMAND prints when it is attached; then /tmp/load is started here, and COMMAND interrupted when it is over
# LOSS      lines of COMMAND's standard output that tell of lost events, as a regular expression
#
# What happened is printed as lines of KEY VALUE, for each case from `case NAME` to `status N`.
set -euo pipefail

# Sets `busy`: nanoseconds that the one processor was not idle since boot. Waiting, be it for a disk, costs nobody anything.
clock() {
    local lines line
    mapfile -t lines < /proc/timer_list
    busy=$((${EPOCHREALTIME/./} * 1000))
    for line in "${lines[@]}"; do
        if [[ $line == *.idle_sleeptime* || $line == *.iowait_sleeptime* ]]; then
            line=${line#*: }
            busy=$((busy - ${line% nsecs}))
        fi
    done
}

# $1: number of runs, $2: the load.
write_load() {
    {
        printf '#!/bin/bash\n'
        declare -f clock
        printf 'clock\n'
        printf '{\n    echo "attached $busy"\n    grep VmHWM "/proc/$PPID/status"\n'
        printf '    for ((run = 0; run < %s; run++)); do %s || exit; done\n} > /tmp/results\n' "$1" "$2"
    } > /tmp/load
    chmod +x /tmp/load
}

# $1: what to wait for, $2: the command.
beside() {
    eval "exec $2" > /tmp/stdout 2> /tmp/stderr &
    until grep -qF "$1" /tmp/stdout /tmp/stderr; do
        kill -0 $! || return
        sleep 0.05
    done
    /tmp/load
    kill -INT $!
    wait $!
}

settle=$1 runs=$2
shift 2
insmod /opt/nltrace/nltest.ko
sleep "$settle"
while (($#)); do
    name=$1 load=$2 ready=$3 loss=$4 command=$5 status=0
    shift 5
    echo "case $name"
    write_load "$runs" "$load"
    rm -f /tmp/results /tmp/stdout /tmp/stderr
    clock
    echo "start $busy"
    if [[ $ready ]]; then
        beside "$ready" "$command" || status=$?
    else
        eval "$command" > /tmp/stdout 2> /tmp/stderr || status=$?
    fi
    [[ ! -e /tmp/results ]] || sed 's/^{/run {/' /tmp/results
    [[ ! $loss ]] || grep -E "$loss" /tmp/stdout | sed 's/^/loss /' || :
    tail -n 40 /tmp/stderr | sed 's/^/said /'
    echo "status $status"
done
