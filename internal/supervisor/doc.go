// Package supervisor keeps one program running where no init system does.
//
// It speaks systemd's own protocol with the program (sd_notify(3)), so that the
// program has one way to say that it is ready, whoever started it. A start that
// fails is final and its exit status is passed on; what ends after it was ready,
// or is killed, is started again. Its one rule: an end with status 0 was asked
// for.
package supervisor
