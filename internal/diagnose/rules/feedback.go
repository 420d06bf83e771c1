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
	{Cause: "NodeKiller NodeNotReady NodesLostTogether KubeletDown",
		Effect: "RepairStorm", Relation: Cluster,
		Sentence: "nodes like {cause} are restarted by the repair, over and over",
		Why:      "repair sees the symptom, not the cause, and takes room away", Source: "https://sre.google/sre-book/addressing-cascading-failures/"},
	{Cause: "RepairStorm",
		Effect: "NodeRebooted PodsPending InsufficientCPU InsufficientMemory", Relation: Cluster,
		Sentence: "{effect} is hit by the restarts of nodes",
		Why:      "a node that is being restarted runs nothing", Source: docs + "concepts/architecture/nodes/"},
}
