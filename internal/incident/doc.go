// Package incident keeps Incident objects: it opens one when something fails,
// updates it as the verdict changes, merges those that turn out to be one, and
// closes it once the symptoms are gone.
//
//	records -> model -> verdict -> Decide -> actions -> Incidents, Events, webhooks
//
// decide.go is the core: from what is known, the verdict and the time to actions.
// controller.go feeds it; store.go, event.go and webhook.go carry actions out, each
// at its own pace, so that none holds up the next verdict.
//
// The rule: an evaluation is paid for before the next begins, with four times its
// own duration of rest.
package incident
