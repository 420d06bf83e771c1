package kubeconfig

import "os"

// keepOwner has nothing to do: a new file belongs to the folder's owner here.
func keepOwner(string, *os.File) error { return nil }
