// Package datastore serves the cluster's state: etcd, embedded in this process.
//
// A Member is one etcd server on one folder, answering on a unix socket that
// only the daemon's user may open; the daemon runs one for Events and one for
// everything else, so that a storm of Events cannot crowd out what matters.
// Its one rule: a Member outlives everything that writes to it, so it has its
// own stop, and is stopped last.
package datastore
