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
nft -f - <<'EOF'
table inet t {
  comment "a table of the tests"
  flags dormant
  set s { type ipv4_addr; flags interval,timeout; timeout 1h; gc-interval 5m; size 99; comment "a set"; elements = { 10.0.0.0/8 timeout 30m } }
  map m { type inet_service : verdict; elements = { 22 : accept, 80 : drop } }
  counter c { packets 3 bytes 4 }
  quota q { over 5 mbytes }
  limit l { rate 4/second burst 6 packets }
  chain a { type filter hook input priority -5; policy drop;
    iifname "d0" ip saddr @s counter accept comment "from the set"
    ct state established,related accept
    tcp dport vmap @m
    meta mark 5 log prefix "five" limit rate 3/minute reject
    counter name "c" jump b
  }
  chain b { meta l4proto udp ip dscp set cs1 counter
  }
  chain n { type nat hook postrouting priority srcnat; oif "d0" snat ip to 10.9.0.7
  }
}
table ip6 u {
  chain r {
    type route hook output priority 7; ip6 daddr 2001:db8::/32 meta mark set 9
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
