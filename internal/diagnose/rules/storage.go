package rules

// storage is why volumes do not come.
var storage = []Row{
	{Cause: "StorageClassMissing ProvisioningFails VolumeTooSmall AccessModeMismatch VolumeClassMismatch VolumeSelectorMismatch VolumeBoundElsewhere NoVolume NoVolumeFits",
		Effect: "ClaimPending", Relation: Same,
		Sentence: "{effect} finds no volume that fits",
		Why:      "class, size, access modes and selector must all fit", Source: docs + "concepts/storage/persistent-volumes/#binding"},
	{Cause: "NodeNotReady",
		Effect: "VolumeAttachedElsewhere", Relation: Cluster,
		Sentence: "the volume is held by {cause}, which does not answer",
		Why:      "only the node's kubelet or six minutes free it", Source: docs + "concepts/cluster-administration/node-shutdown/#non-graceful-node-shutdown"},
	{Cause: "VolumeFull",
		Effect: "DatabaseReadOnly", Relation: Same,
		Sentence: "{effect} turns read-only",
		Why:      "databases save what they have and take no more on a full disk", Source: docs + "concepts/storage/persistent-volumes/#expanding-persistent-volumes-claims"},
	{Cause: "ClaimPending",
		Effect: "PodsNotReady", Relation: Uses,
		Sentence: "the pods of {effect} wait for {cause}",
		Why:      "a pod starts with all its volumes or not at all", Source: docs + "concepts/storage/persistent-volumes/"},
}
