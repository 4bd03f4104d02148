# What `cargo xtask bench --scale` asks about memory, in a guest with many possible processors.
#
# usage: memory.sh MESSAGES
#
# Prints Markdown: kernel memory of the maps by --max-keys, resident memory of nltrace while MESSAGES are traced.
set -euo pipefail
insmod /opt/nltrace/nltest.ko

# The maps that the parent process holds, in bytes, as the kernel accounts them.
cat > /tmp/maps <<'SCRIPT'
#!/bin/bash
awk 'FNR == 1 { map = 0 } /^map_type/ { map = 1 } map && /^memlock/ { sum += $2 } END { printf "%.1f\n", sum / 1048576 }' \
    "/proc/$PPID/fdinfo/"*
SCRIPT
# $@: runs of so many messages, after each of them the peak of the parent process' resident memory.
cat > /tmp/grow <<'SCRIPT'
#!/bin/bash
sent=0
for count; do
    echo_loop "$count" 32 > /dev/null
    sent=$((sent + count))
    printf '| %d | %.1f |\n' $((3 * sent)) "$(awk '/^VmHWM/ { print $2 / 1024 }' "/proc/$PPID/status")" >&2
done
SCRIPT
chmod +x /tmp/maps /tmp/grow

possible=$(awk -F- '{ print $NF + 1 }' /sys/devices/system/cpu/possible)
printf '| --max-keys | maps, MiB, on %s possible processors |\n| --- | --- |\n' "$possible"
for keys in default 100 1024 10000; do
    option=()
    if [[ $keys != default ]]; then
        # More would not fit into this guest.
        ((keys * possible <= 20480)) || continue
        option=(--max-keys "$keys")
    fi
    nltrace hist "${option[@]}" -- bash /tmp/maps > /tmp/all 2> /tmp/stderr || { cat /tmp/stderr >&2; exit 1; }
    printf "| %s | %s |\n" "$keys" "$(head -n 1 /tmp/all)"
done

printf '\n| events | peak of resident memory of nltrace trace --json, MiB |\n| --- | --- |\n'
nltrace trace --json -- bash /tmp/grow $(($1 / 100)) $(($1 / 10)) $(($1 - $1 / 100 - $1 / 10)) > /dev/null 2> /tmp/grown ||
    { cat /tmp/grown >&2; exit 1; }
cat /tmp/grown
