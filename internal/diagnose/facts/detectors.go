package facts

// Detectors are all, in the order in which they run.
var Detectors = []Detector{
	{"symptoms", symptoms},
	{"admission", admission},
	{"scheduling", scheduling},
	{"images", images},
	{"config", config},
	{"probes", probes},
	{"exits", exits},
	{"services", services},
	{"addresses", addresses},
	{"storage", storage},
	{"nodes", nodes},
	{"system", system},
	{"applogs", applogs},
	{"alerts", alerts},
	{"workloads", workloads},
	{"network", network},
	{"resources", resources},
	{"routes", routes},
	{"nodePaths", nodePaths},
	{"restarted", restarted},
	{"tight", tight},
}
