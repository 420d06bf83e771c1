package apply

import (
	"context"
	"errors"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func TestRetryGoesOnUntilTheAPIAnswers(t *testing.T) {
	calls := 0
	err := Retry(t.Context(), "x", func(context.Context) error {
		if calls++; calls < 3 {
			return errors.New("connection refused")
		}
		return nil
	})
	if err != nil || calls != 3 {
		t.Errorf("Retry = %v after %d calls, want nil after 3", err, calls)
	}
}

func TestRetryGivesUpOnAWrongRequest(t *testing.T) {
	calls := 0
	invalid := apierrors.NewInvalid(schema.GroupKind{Kind: "Service"}, "kube-dns", nil)
	err := Retry(t.Context(), "x", func(context.Context) error { calls++; return invalid })
	if !apierrors.IsInvalid(errors.Unwrap(err)) || calls != 1 {
		t.Errorf("Retry = %v after %d calls, want the invalid error after 1", err, calls)
	}
}

func TestRetryEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	err := Retry(ctx, "x", func(context.Context) error { cancel(); return errors.New("refused") })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Retry = %v, want context.Canceled", err)
	}
}
