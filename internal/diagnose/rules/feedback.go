package rules

// feedback is where the remedy enlarges the failure.
var feedback = []Row{
	{Cause: "CrashLoop PodsNotReady CrashedBySignal OOMKilled",
		Effect: "ScalerFeedsFailure ScalerAtMaximum", Relation: Scaled,
		Sentence: "{effect} makes more pods of what fails",
		Why:      "the autoscaler counts load, not success", Source: docs + "concepts/workloads/autoscaling/horizontal-pod-autoscale/"},
	{Cause: "ScalerHasNoMetrics",
		Effect: "Slow CPUHigh", Relation: Scales,
		Sentence: "{effect} is not scaled though it has much to do",
		Why:      "without metrics the autoscaler does nothing", Source: docs + "concepts/workloads/autoscaling/horizontal-pod-autoscale/"},
	{Cause: "ScalerAtMaximum",
		Effect: "Slow CPUHigh", Relation: Scales,
		Sentence: "{effect} has as many pods as it may have, and that is too few",
		Why:      "maxReplicas", Source: docs + "concepts/workloads/autoscaling/horizontal-pod-autoscale/"},
	{Cause: "CallsFail NameNotResolved",
		Effect: "DNSOverloaded", Relation: Cluster,
		Sentence: "retries of {cause} ask DNS again and again",
		Why:      "each retry asks for each search domain", Source: docs + "concepts/services-networking/dns-pod-service/#pod-dns-config"},
}
