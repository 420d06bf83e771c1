package daemon

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestComponentThatEndsIsTheReason(t *testing.T) {
	for _, tc := range []struct {
		name string
		err  error
		want string
	}{
		{"with an error", errors.New("disk full"), "etcd: disk full"},
		{"without one", nil, "etcd ended by itself"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			reason := make(chan error, 1)
			tier := newTier("storage", func(err error) { reason <- err })
			tier.Go("etcd", func(context.Context) error { return tc.err })
			if got := <-reason; got.Error() != tc.want {
				t.Errorf("reason %q, want %q", got, tc.want)
			}
			if left := tier.Stop(time.Second); left != nil {
				t.Errorf("left after the end: %v", left)
			}
		})
	}
}

func TestStopIsNotAFailureAndNamesWhatHangs(t *testing.T) {
	tier := newTier("work", func(err error) { t.Errorf("failed: %v", err) })
	release := make(chan struct{})
	tier.Go("good", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
	tier.Go("hangs", func(context.Context) error { <-release; return nil })
	left := tier.Stop(20 * time.Millisecond)
	if !slices.Equal(left, []string{"hangs"}) {
		t.Errorf("left = %s, want hangs", strings.Join(left, ","))
	}
	close(release)
}
