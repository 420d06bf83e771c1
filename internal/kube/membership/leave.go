package membership

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
)

// Remember notes which Node object is this machine's, so that its removal is
// noticed, also one that happens while the machine is off.
func (m *Member) Remember(uid types.UID) error {
	return write(m.paths.nodeUID, []byte(uid), 0o600)
}

// WasRemoved says whether the Node object of this machine's last run is gone.
func (m *Member) WasRemoved(ctx context.Context, client kubernetes.Interface, name string) (bool, error) {
	uid, err := os.ReadFile(m.paths.nodeUID)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read which node this machine was: %w", err)
	}
	node, err := client.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for node %s: %w", name, err)
	}
	return node.UID != types.UID(strings.TrimSpace(string(uid))), nil
}

// Leave forgets the membership: the next start needs a token.
func (m *Member) Leave() error {
	names, err := filepath.Glob(filepath.Join(m.paths.certificates, "kubelet-*.pem"))
	errs := []error{err}
	for _, name := range append(names, m.paths.nodeUID) {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("forget the cluster that was joined: %w", err)
	}
	return nil
}
