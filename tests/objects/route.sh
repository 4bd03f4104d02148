# Makes objects of rtnetlink in a namespace that has none, and lists them: `@@ PID COMMAND`, and what it
# printed.

# Otherwise the kernel starts a program for each that is missing.
modprobe -a 8021q act_gact act_mirred bonding bridge cls_flower cls_fw cls_matchall cls_u32 dummy ip_gre \
    ipvlan macvlan sch_htb sch_ingress sch_netem sch_prio sch_tbf veth vrf vxlan
ip -b - <<'EOF'
link set lo up
link add d0 index 10 mtu 1450 txqueuelen 77 address 02:00:00:00:00:10 numtxqueues 3 numrxqueues 2 type dummy
link set d0 alias "a link of the tests" group 7
link property add dev d0 altname another-name-of-d0 altname d0-again
link add v0 index 11 address 02:00:00:00:00:11 type veth peer name v1 address 02:00:00:00:00:12
link add link d0 name d0.5 index 13 type vlan id 5 protocol 802.1ad gvrp on loose_binding on ingress-qos-map 1:2 egress-qos-map 3:4 5:6
link add b0 index 14 address 02:00:00:00:00:14 type bridge stp_state 1 priority 100 vlan_filtering 1 forward_delay 400 ageing_time 12345 mcast_snooping 1 group_fwd_mask 8
link set v1 master b0
link set v1 type bridge_slave cost 7 priority 5 hairpin on guard on learning off
link add x0 index 15 type vxlan id 42 group 239.1.1.1 dev d0 dstport 4790 srcport 1000 2000 ttl 5 tos 4 ageing 100 maxaddress 9 nolearning proxy l2miss udpcsum
link add link d0 name m0 index 16 type macvlan mode bridge
link add t0 index 17 type gre local 10.9.0.1 remote 10.9.0.2 key 9 ttl 4 csum
link add r0 index 18 type vrf table 77
link add o0 index 19 type bond mode balance-xor miimon 100 updelay 200
link add link v0 name p0 index 21 type ipvlan mode l3
link set d0 up
link set v0 up
link set v1 up
link set b0 up
link set t0 up
address add 10.9.0.1/24 broadcast + dev d0 label d0:one
address add 10.9.1.1 peer 10.9.1.2/30 dev d0 valid_lft 5000 preferred_lft 4000
address add 10.9.2.1/24 metric 55 noprefixroute scope link dev d0
address add 2001:db8::1/64 dev d0 nodad
address add 2001:db8:1::1 peer 2001:db8:1::2/64 dev d0 nodad valid_lft 6000 preferred_lft 3000 home mngtmpaddr
route add 10.10.0.0/16 via 10.9.0.2 dev d0 proto static metric 7
route add 10.11.0.0/16 proto bird tos 4 mtu lock 1400 advmss 1300 rtt 200 window 9 initcwnd 11 initrwnd 12 quickack 1 congctl reno rto_min 50 hoplimit 9 dev d0 src 10.9.0.1 realms 3/4
route add 10.12.0.0/16 nexthop via 10.9.0.2 dev d0 weight 3 nexthop via 10.9.0.3 dev d0 weight 5 onlink
route add blackhole 10.13.0.0/16 metric 9
route add unreachable 10.14.0.0/16 table 100
route add 10.15.0.0/16 via inet6 2001:db8::2 dev d0
route add 2001:db8:10::/48 via 2001:db8::2 dev d0 metric 7 pref high mtu 1300 expires 600
route add 2001:db8:11::/48 nexthop via 2001:db8::2 dev d0 weight 2 nexthop via 2001:db8::3 dev d0 weight 9
route add prohibit 2001:db8:12::/48
rule add from 10.0.0.0/8 to 10.9.0.0/16 iif d0 fwmark 5/0xff lookup 100 priority 50
rule add oif d0 ipproto tcp sport 1000-2000 dport 80 tos 4 blackhole priority 51
rule add uidrange 5-9 lookup main suppress_prefixlength 3 priority 52 realms 3/4
rule add to 10.0.0.0/8 goto 60 priority 53
rule add nop priority 60 protocol bird
rule add not from 10.7.0.0/16 lookup 77 priority 61 suppress_ifgroup 7 tun_id 9
neigh add 10.9.0.3 lladdr 02:00:00:00:00:03 dev d0
neigh add 10.9.0.4 lladdr 02:00:00:00:00:04 dev d0 nud stale router extern_learn protocol bird
neigh add proxy 10.9.0.9 dev d0
neigh add 2001:db8::9 lladdr 02:00:00:00:00:09 dev d0 nud reachable
nexthop add id 1 via 10.9.0.2 dev d0 onlink proto static
nexthop add id 2 via 10.9.0.3 dev d0
nexthop add id 3 group 1,3/2,7 
nexthop add id 4 blackhole
nexthop add id 5 via 2001:db8::2 dev d0
nexthop add id 6 via 10.9.0.7 fdb
nexthop add id 7 group 6 fdb
nexthop add id 8 group 1/2 type resilient buckets 8 idle_timer 10 unbalanced_timer 20
route add 10.16.0.0/16 nhid 3
EOF
ip -6 rule add from 2001:db8::/32 lookup 100 priority 50
tc -b - <<'EOF'
qdisc add dev d0 root handle 1: htb default 20 r2q 5
class add dev d0 parent 1: classid 1:10 htb rate 2mbit ceil 3mbit burst 10k cburst 11k prio 3 quantum 2000
class add dev d0 parent 1: classid 1:20 htb rate 5mbit
qdisc add dev d0 parent 1:10 handle 10: fq_codel limit 900 flows 128 target 6ms interval 101ms quantum 300 noecn
qdisc add dev d0 parent 1:20 handle 20: netem limit 500 delay 10ms 2ms 25% loss 3% duplicate 1% reorder 4% 50%
qdisc add dev v0 root handle 2: tbf rate 1mbit burst 10k limit 20k
qdisc add dev v1 root handle 3: prio bands 4 priomap 1 2 3 3 1 2 0 0 1 1 1 1 1 1 1 1
qdisc add dev d0 clsact
filter add dev d0 parent 1: protocol ip prio 5 handle 0x11 flower dst_mac 02:00:00:00:00:03 ip_proto tcp dst_port 80 src_ip 10.0.0.0/8 classid 1:10
filter add dev d0 parent 1: protocol ip prio 6 u32 match ip dst 10.9.0.0/16 flowid 1:20
filter add dev d0 ingress protocol all prio 7 matchall skip_hw action mirred egress mirror dev v0 
filter add dev d0 egress protocol ipv6 prio 8 handle 5 fw classid 1:10 action gact pass index 6
EOF
l() { sh -c 'echo "@@ $$ $*"; exec "$@"' - "$@"; echo; }
l ip -d -s -j link
l ip -d -j address
l ip -d -4 -j route show table all
l ip -d -6 -j route show table all
l ip -d -4 -j rule
l ip -d -6 -j rule
l ip -d -s -j neigh
l ip -d -j neigh show proxy
l ip -d -j nexthop
l tc -s -d -j qdisc
l tc -s -d -j class show dev d0
l tc -s -d -j filter show dev d0
l tc -s -d -j filter show dev d0 ingress
l tc -s -d -j filter show dev d0 egress
