package image

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
)

// User is an account of an image.
type User struct {
	Name string
	UID  int
	// GID is the id of its own group, which has the same name. Zero means UID.
	GID int
	// Home is made with mode 0755 unless it is empty or "/".
	Home string
	// Shell is /usr/sbin/nologin if empty.
	Shell string
	// Groups are further groups, by name and id.
	Groups []Group
}

// Group is a group of accounts.
type Group struct {
	Name string
	GID  int
}

var systemUsers = []User{
	{Name: "root", UID: 0, Home: "/root", Shell: "/bin/sh"},
	{Name: "daemon", UID: 1, Home: "/"},
	{Name: "bin", UID: 2, Home: "/"},
	{Name: "mail", UID: 8, Home: "/"},
	{Name: "www-data", UID: 33, Home: "/"},
	{Name: "nobody", UID: 65534, Home: "/"},
}

// accountFiles writes /etc/passwd and /etc/group with the system's accounts and
// the given ones, which replace those of the same name.
func accountFiles(extra []User) ([]File, error) {
	users := slices.Clone(systemUsers)
	for _, u := range extra {
		if u.Name == "" || strings.ContainsAny(u.Name, ":\n ") {
			return nil, fmt.Errorf("user name %q: must not be empty or contain a colon, blank or line break", u.Name)
		}
		users = slices.DeleteFunc(users, func(o User) bool { return o.Name == u.Name })
		users = append(users, u)
	}
	slices.SortStableFunc(users, func(a, b User) int { return cmp.Compare(a.UID, b.UID) })

	var passwd, group strings.Builder
	members := map[Group][]string{}
	var files []File
	for _, u := range users {
		gid, home, shell := cmp.Or(u.GID, u.UID), cmp.Or(u.Home, "/"), cmp.Or(u.Shell, "/usr/sbin/nologin")
		fmt.Fprintf(&passwd, "%s:x:%d:%d:%s:%s:%s\n", u.Name, u.UID, gid, u.Name, home, shell)
		own := u.Name
		if own == "nobody" {
			own = "nogroup"
		}
		if g := (Group{own, gid}); members[g] == nil {
			members[g] = []string{}
		}
		for _, g := range u.Groups {
			members[g] = append(members[g], u.Name)
		}
		if home != "/" && u.UID != 0 {
			files = append(files, File{Path: home, Mode: os.ModeDir | 0o755, UID: u.UID, GID: gid})
		}
	}
	groups := make([]Group, 0, len(members))
	for g := range members {
		groups = append(groups, g)
	}
	slices.SortFunc(groups, func(a, b Group) int {
		return cmp.Or(cmp.Compare(a.GID, b.GID), cmp.Compare(a.Name, b.Name))
	})
	for _, g := range groups {
		fmt.Fprintf(&group, "%s:x:%d:%s\n", g.Name, g.GID, strings.Join(members[g], ","))
	}
	return append(files,
		File{Path: "/etc/passwd", Content: []byte(passwd.String())},
		File{Path: "/etc/group", Content: []byte(group.String())},
	), nil
}
