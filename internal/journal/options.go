package journal

import "time"

// Options of a journal. The zero value is ready to use.
type Options struct {
	// MaxBytes bounds the journal on disk; the oldest segments go first. The
	// log that is being written (at most two, see SegmentBytes) is not removed.
	// Default 2 GiB.
	MaxBytes int64
	// MaxAge removes segments whose newest record is older. Default 14 days;
	// negative keeps all.
	MaxAge time.Duration
	// Queue is how many records wait for the writer at most. Default 65,536.
	Queue int
	// FlushEvery is how long records wait for others before they are written
	// together. Default 20 ms.
	FlushEvery time.Duration
	// SyncEvery is how long written records may be in the kernel's memory alone:
	// what a power cut, but no crash of the process, can cost. Default 1 s.
	SyncEvery time.Duration
	// RetryEvery is how long a write that failed, as on a full disk, waits until
	// it is tried again. Default 1 s.
	RetryEvery time.Duration
	// SegmentRecords and SegmentBytes are when a log is sealed. The memory of a
	// journal is at most about twelve times SegmentBytes, plus the queue
	// and about 5 MB for each GB on disk. Defaults 131,072 and 16 MiB.
	SegmentRecords int
	SegmentBytes   int
	// OnDamage is told of each damaged part that is found, from any goroutine.
	OnDamage func(*Damage)
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

func (o Options) complete() Options {
	setDefault(&o.MaxBytes, 2<<30)
	setDefault(&o.MaxAge, 14*24*time.Hour)
	setDefault(&o.Queue, 65536)
	setDefault(&o.FlushEvery, 20*time.Millisecond)
	setDefault(&o.SyncEvery, time.Second)
	setDefault(&o.RetryEvery, time.Second)
	setDefault(&o.SegmentRecords, 131072)
	setDefault(&o.SegmentBytes, 16<<20)
	if o.OnDamage == nil {
		o.OnDamage = func(*Damage) {}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

func setDefault[T ~int | ~int64](v *T, d T) {
	if *v == 0 {
		*v = d
	}
}
