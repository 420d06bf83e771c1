package doctor

import (
	"reflect"
	"testing"
)

func TestParseTCP(t *testing.T) {
	sockets := parseTCP(`  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:192B 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0
   1: 0100007F:192B 0100007F:8888 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 100 0 0 10 0
   2: 00000000000000000000000000000000:280A 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1 0
   3: 0000000000000000FFFF00000100007F:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4714 1 0
   4: garbage:zz 00000000:0000 0A 0 0 0 0 0 4715 1
`)
	var got []string
	for _, socket := range sockets {
		got = append(got, socket.addr.String()+" "+socket.inode)
	}
	want := []string{"127.0.0.1:6443 4711", "[::]:10250 4713", "127.0.0.1:80 4714"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("listening: %q, want %q", got, want)
	}
}

func TestParseRoutes(t *testing.T) {
	routes := parseRoutes("Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n" +
		"eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n" +
		"tun0\t00002A0A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n")
	if len(routes) != 2 || routes[0].Dest.String() != "0.0.0.0/0" || routes[1].Interface != "tun0" || routes[1].Dest.String() != "10.42.0.0/16" {
		t.Errorf("routes: %v", routes)
	}
}

func TestParseLockHolder(t *testing.T) {
	const locks = `1: POSIX  ADVISORY  WRITE 100 fe:00:7 0 EOF
2: FLOCK  ADVISORY  WRITE 4242 fe:00:99 0 EOF
2: -> FLOCK  ADVISORY  WRITE 4243 fe:00:99 0 EOF
3: FLOCK  ADVISORY  WRITE -1 fe:00:55 0 EOF
4: FLOCK  ADVISORY  WRITE 77 07:01:12 0 EOF
5: FLOCK  ADVISORY  WRITE 78 07:02:12 0 EOF
6: FLOCK  ADVISORY  WRITE 79 00:1f:12 0 EOF
`
	for _, tc := range []struct {
		name   string
		file   lockedFile
		pid    int
		locked bool
	}{
		{"held", lockedFile{0xfe, 0, 99, 0}, 4242, true},
		{"by another PID namespace", lockedFile{0xfe, 0, 55, 0}, 0, true},
		{"nobody", lockedFile{0xfe, 0, 9, 0}, 0, false},
		// Each local node has a disk of its own, and the same numbers of inodes there.
		{"the second disk's", lockedFile{7, 2, 12, 0}, 78, true},
		{"a third disk's", lockedFile{7, 3, 12, 0}, 0, false},
		{"a third disk's, by what it says", lockedFile{7, 3, 12, 78}, 0, false},
		{"btrfs says another device", lockedFile{0, 0x2a, 12, 79}, 79, true},
	} {
		if pid, locked := parseLockHolder(locks, tc.file); pid != tc.pid || locked != tc.locked {
			t.Errorf("%s: process %d, %v; want %d, %v", tc.name, pid, locked, tc.pid, tc.locked)
		}
	}
}

func TestParseSmallFiles(t *testing.T) {
	if got := parseSwap("Filename Type Size Used Priority\n/dev/sda2 partition 2097148 0 -2\n/swap file 4 0 -3\n"); got != 2097152<<10 {
		t.Errorf("swap = %d", got)
	}
	if got := parseCapabilities("Name:\tx\nCapEff:\t0000000000001000\n"); got != 1<<capNetAdmin {
		t.Errorf("capabilities = %x", got)
	}
	if got := parseCgroupsV1("#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpu\t1\t1\t1\nmemory\t0\t1\t0\n"); !reflect.DeepEqual(got, []string{"cpu"}) {
		t.Errorf("controllers = %q", got)
	}
	if got := parseNameServers("# nameserver 1.1.1.1\nnameserver 192.0.2.53\nsearch x\nnameserver\n"); !reflect.DeepEqual(got, []string{"192.0.2.53"}) {
		t.Errorf("name servers = %q", got)
	}
}

func FuzzParsers(f *testing.F) {
	f.Add("1: FLOCK ADVISORY WRITE 1 a:b:1 0 EOF\neth0\t0\t0\t0\t0\t0\t0\t0\n")
	f.Fuzz(func(t *testing.T, text string) {
		parseTCP(text)
		parseRoutes(text)
		parseSwap(text)
		parseNameServers(text)
		parseLockHolder(text, lockedFile{inode: 1})
		parseCapabilities(text)
		parseCgroupsV1(text)
		parseVersion(text)
	})
}
