// Package storage provisions local volumes: a claim of the default
// StorageClass becomes a directory below the data directory of the node that
// the scheduler chose for the pod.
//
// The external-provisioner library watches claims and volumes; the provisioner
// here decides (plan, a pure function) and makes or removes the directory,
// through an os.Root, so that no name and no link leads outside. Its one rule:
// a directory is only removed for the volume that it was made for.
package storage
