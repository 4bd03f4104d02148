# Makes a ruleset, xfrm states and policies and conntrack entries, and lists them and sockets as route.sh
# does.
ip -b - <<'EOF'
link add d0 type dummy
link set d0 up
address add 10.9.0.1/24 dev d0
EOF
ip xfrm state add src 10.9.0.1 dst 10.9.0.2 proto esp spi 0x100 mode tunnel reqid 7 auth-trunc 'hmac(sha256)' 0x00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff 96 enc 'cbc(aes)' 0x00112233445566778899aabbccddeeff replay-window 32 flag af-unspec sel src 10.1.0.0/16 dst 10.2.0.0/16 mark 5 mask 0xff limit byte-soft 1000 limit packet-hard 2000 limit time-hard 3000
ip xfrm state add src 2001:db8::1 dst 2001:db8::2 proto esp spi 0x200 mode transport aead 'rfc4106(gcm(aes))' 0x00112233445566778899aabbccddeeff00112233 128 encap espinudp 4500 4501 0.0.0.0
ip xfrm policy add src 10.1.0.0/16 dst 10.2.0.0/16 proto tcp sport 10 dport 20 dir out priority 9 ptype main action allow mark 5 mask 0xff tmpl src 10.9.0.1 dst 10.9.0.2 proto esp spi 0x100 reqid 7 mode tunnel level required
ip xfrm policy add src 2001:db8::/32 dst 2001:db8:1::/48 dir in action block priority 8 flag icmp index 776
{
conntrack -I -p tcp -s 10.1.0.1 -d 10.2.0.1 --sport 1000 --dport 2000 --state ESTABLISHED -t 500 -m 5 -u ASSURED
conntrack -I -p udp -s 10.1.0.2 -d 10.2.0.2 --sport 1001 --dport 2001 -t 300 --src-nat 10.9.9.9
conntrack -I -p icmp -s 10.1.0.3 -d 10.2.0.3 --icmp-type 8 --icmp-code 0 --icmp-id 77 -t 300
conntrack -I -p udp -s 2001:db8::5 -d 2001:db8::6 --sport 53 --dport 54 -t 200
} 2> /dev/null
# Otherwise the kernel starts a program for each that is missing, and begins with the ruleset again.
modprobe -a nft_chain_nat nft_connlimit nft_ct nft_dup_ipv4 nft_fib_inet nft_fwd_netdev nft_hash nft_limit \
    nft_log nft_masq nft_numgen nft_osf nft_queue nft_quota nft_redir nft_reject_inet nft_socket \
    nft_synproxy nft_tproxy nft_xfrm
nft -f - <<'EOF'
table inet t {
  comment "a table of the tests"
  flags dormant
  set s { type ipv4_addr; flags interval,timeout; timeout 1h; gc-interval 5m; size 99; comment "a set"; elements = { 10.0.0.0/8 timeout 30m } }
  map m { type inet_service : verdict; elements = { 22 : accept, 80 : drop } }
  counter c { packets 3 bytes 4; comment "a counter" }
  quota q { over 5 mbytes }
  limit l { rate 4/second burst 6 packets }
  chain a { type filter hook input priority -5; policy drop;
    iifname "d0" ip saddr @s counter accept comment "from the set"
    ct state established,related accept
    tcp dport vmap @m
    meta mark 5 log prefix "five" limit rate 3/minute reject
    counter name "c" jump b
  }
  chain b { comment "another chain"; meta l4proto udp ip dscp set cs1 counter
  }
  chain n { type nat hook postrouting priority srcnat; oif "d0" snat ip to 10.9.0.7
  }
}
table ip6 u {
  chain r {
    type route hook output priority 7; ip6 daddr 2001:db8::/32 meta mark set 9
  }
}
table inet x {
  counter cc { }
  set c { type ipv4_addr . inet_service; flags interval
    elements = { 10.1.0.0-10.1.0.9 . 80-90 comment "both" } }
  set w { type ipv4_addr; flags dynamic,timeout; timeout 1m; counter
    elements = { 10.3.0.1 counter packets 5 bytes 6 timeout 5m expires 4m comment "one", 10.3.0.2 } }
  set y { type ipv4_addr; limit rate 5/second; elements = { 10.3.0.1, 10.3.0.2 limit rate 3/minute } }
  set z { type ipv6_addr; flags interval; elements = { 2001:db8::/32, 2001:db9::1-2001:db9::9 } }
  set g { type ifname; flags interval; elements = { "eth*", "wlan0" } }
  set h { type ether_addr; elements = { 02:00:00:00:00:01 } }
  map d { type ipv4_addr . inet_proto : ipv4_addr . inet_service
    elements = { 10.4.0.1 . tcp : 10.4.0.2 . 80 } }
  map k { type mark : verdict; flags interval; elements = { 1-9 : jump f, * : accept } }
  map o { type inet_service : counter; elements = { 22 : "cc" } }
  chain f { }
  chain e {
    type filter hook input priority 5
    ct mark set 5
    ct original ip saddr 10.0.0.1
    tcp option maxseg size set 1200
    tcp option sack-perm exists
    ip6 nexthdr 58 frag frag-off 4
    meta mark set jhash ip saddr mod 5 seed 7 offset 3
    meta mark set symhash mod 6
    meta mark set numgen inc mod 4 offset 2
    fib saddr . iif oif missing drop
    fib daddr type local accept
    socket mark 1
    queue flags bypass to 3
    quota over 9 mbytes
    ct count over 3 accept
    last
    update @w { ip saddr timeout 30s }
    add @w { ip saddr counter }
    ip saddr & 255.0.255.0 == 10.0.5.0
    tcp dport 1000-2000
    meta mark and 0xff or 0x100 == 0x105
    meta mark set meta mark << 3
    log group 4 snaplen 90 queue-threshold 3
    log prefix "x y" level debug flags tcp sequence,options flags ip options flags skuid
    limit rate over 5 mbytes/second burst 9 kbytes
    synproxy mss 1460 wscale 7 timestamp sack-perm
    osf name "Linux"
    ipsec in reqid 5
    rt ip nexthop 10.0.0.1
    reject with tcp reset
    goto f
    counter name tcp dport map @o
    iifname @g ether saddr @h return
    ip saddr . tcp dport @c
    ip6 saddr @z
    meta mark vmap @k
    ip saddr { 10.1.1.1, 10.1.1.2 } accept
  }
  chain pre {
    type filter hook prerouting priority raw
    notrack
    ip daddr set 10.0.0.9
    meta l4proto tcp tproxy ip to 10.0.0.1:50
  }
  chain nat {
    type nat hook prerouting priority dstnat
    meta l4proto tcp dnat ip to 10.9.0.8:80-90
    meta l4proto tcp dnat ip to ip saddr . ip protocol map @d
    tcp dport 80 redirect to :8080-8090 random
  }
  chain post {
    type nat hook postrouting priority srcnat
    oif "d0" snat ip prefix to ip saddr map { 10.1.0.0/16 : 10.2.0.0/16 }
    snat ip6 to 2001:db8::5-2001:db8::9 fully-random
    masquerade random,persistent
  }
}
table ip v {
  chain p { type filter hook prerouting priority 0; dup to 10.9.0.3 device "d0"
  }
}
table netdev nd {
  chain in { type filter hook ingress device "d0" priority 0; vlan id 5 fwd to "d0"
  }
}
EOF
l() { sh -c 'echo "@@ $$ $*"; exec "$@"' - "$@"; echo; }
l ip -d -s xfrm state
l ip -d -s xfrm policy
l conntrack -L -o xml,id 2> /dev/null
l nft -j -a list ruleset
l nft --debug=netlink list ruleset
l ss -H -O -n -a -t -e -m -i 2> /dev/null
l ss -H -O -n -a -u -e -m 2> /dev/null
l ss -H -O -n -a -x -e -m 2> /dev/null
l ss -H -O -n -a -f netlink -e 2> /dev/null
