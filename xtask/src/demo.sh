# What `cargo xtask demo` runs inside the guest: the family, its client and nltrace, and in the end a reckoning.
# $1: how many messages to time.
set -euo pipefail
messages=$1
bold=${DEMO_BOLD-} plain=${DEMO_PLAIN-}

title() { printf '\n%s== %s%s\n' "$bold" "$*" "$plain"; }
show() { printf '%s$ %s%s\n' "$bold" "$*" "$plain"; "$@"; }
fail() { printf 'demo: %s\n' "$*" >&2; exit 1; }

# Waits until somebody listens to the multicast group 1 of family 25.
listening() {
    for _ in {1..500}; do
        awk '$2 == 25 && $4 == "00000001" { found = 1 } END { exit !found }' /proc/net/netlink && return
        sleep 0.02
    done
    fail "nobody joined the group within 10 s"
}

title "Load the module"
show insmod /opt/nltrace/nltest.ko
show lsmod | grep -E '^(Module|nltest)'

title "A plain-text message, the kernel's answer and its two log lines"
show nltest send Hello
dmesg | grep -E 'Entering: test_nl_receive_message|Received message: ' || fail "the module logged nothing"

title "A multicast to a listener"
nltest listen -n 1 --timeout 10 > /tmp/heard & listener=$!
listening
show nltest notify "to everybody who listens"
wait "$listener" || fail "the listener heard nothing"
printf 'The listener heard:\n'
cat /tmp/heard

title "Where the time goes: histograms of $messages messages"
show nltrace hist --family nltest -- nltest bench --count "$messages"

title "Message by message"
show nltrace trace --family nltest -- nltest ping --count 3 --interval 0.01

title "What is dropped: a burst at a listener that is too slow for it"
# $1: the listener's receive buffer in bytes. It reads a message every 40 ms, and is told to end when it has read
# what there is. Its own last line has what the kernel counted as Drops of its socket.
cat > /tmp/burst-at-a-slow-listener << 'END'
queue() { awk '$2 == 25 && $4 == "00000001" { print $5 }' /proc/net/netlink; }
until_empty() { for _ in {1..1500}; do [[ $(queue) == 0 ]] && return; sleep 0.02; done; exit 1; }
nltest --json listen --delay 0.04 --rcvbuf "$1" > /tmp/slow & listener=$!
until_empty
nltest burst --count 100 --group >&2
until_empty
kill -INT "$listener"
wait "$listener"
END
show nltrace drops --family nltest -- bash /tmp/burst-at-a-slow-listener 8192

title "With the receive buffer that would have held it"
# Prints how many messages the last listener missed by its own socket's counter.
missed() { jq 'select(.event == "summary").drops' /tmp/slow; }
# Prints how many of them nltrace counted.
counted() { jq '[.drops[] | select(.in_kernel_drops and .family == 25) | .count] | add // 0' "$1"; }
nltrace drops --json --family nltest -- bash /tmp/burst-at-a-slow-listener 8192 > /tmp/drops 2> /tmp/said ||
    fail "drops: $(cat /tmp/said)"
advice=$(jq '[.episodes[].advised_so_rcvbuf] | max // 0' /tmp/drops)
printf 'nltrace counted %s drops, the kernel %s, and the advice is a receive buffer of %s bytes\n' \
    "$(counted /tmp/drops)" "$(missed)" "$advice"
(($(missed) > 0)) || fail "the listener missed nothing"
[[ $(counted /tmp/drops) == "$(missed)" ]] || fail "nltrace and the kernel do not agree"
show nltrace drops --family nltest -- bash /tmp/burst-at-a-slow-listener "$advice"
[[ $(missed) == 0 ]] || fail "with the receive buffer that was advised, $(missed) messages were missed"

title "The reckoning: sent = counted"
nltrace hist --json --family nltest -- sh -c "nltest --json bench --count $messages > /tmp/bench" > /tmp/hist
nltrace trace --calls --json --family nltest -- sh -c "nltest --json bench --count $messages > /tmp/bench" > /tmp/trace
for stage in receive request reply; do
    counted=$(jq --arg stage "$stage" \
        '[.histograms[] | select(.stage == $stage and .type_name == "ECHO") | .count] | add // 0' /tmp/hist)
    printf '%-8s %s sent, %s in the histogram\n' "$stage" "$messages" "$counted"
    [[ $counted == "$messages" ]] || fail "$stage: $counted counted, $messages sent"
done
for event in request reply; do
    counted=$(jq --slurp --arg event "$event" 'map(select(.event == $event and .type_name == "ECHO")) | length' /tmp/trace)
    printf '%-8s %s sent, %s traced with their payload\n' "$event" "$messages" "$counted"
    [[ $counted == "$messages" ]] || fail "$event: $counted traced, $messages sent"
done
for result in /tmp/hist /tmp/trace; do
    jq --slurp --exit-status '.[-1].accounting | .hits == .recorded + .filtered + .unmatched + .lost and .lost == 0' \
        "$result" > /tmp/balance || fail "the accounting of $result does not add up: $(tail -n 1 "$result")"
done

title "Unload it"
show rmmod nltest
if grep -q '^nltest ' /proc/modules; then fail "the module is still there"; fi
printf '\n%sEverything was counted.%s\n' "$bold" "$plain"
