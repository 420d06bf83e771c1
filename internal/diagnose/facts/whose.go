package facts

// Whose says where a failure of a workload comes from, as far as its kind of fact
// tells: what would help, and what would only spread it.
type Whose int

const (
	// Elsewhere is a failure that the workload did not bring about, or not by what
	// runs in it: its node, its dependencies, the cluster, too little room.
	Elsewhere Whose = iota
	// Program is one of what runs in the workload's containers: further pods and
	// other nodes would fail alike.
	Program
	// Load is one of the program, too, but more pods may help, since each has less
	// to do then.
	Load
	// Declaration is one of how the workload is written down: it can start nowhere.
	Declaration
	// Revision is one of a change of the workload or of its configuration.
	Revision
)

// whose are the kinds of facts that are not Elsewhere.
var whose = map[string]Whose{
	"CrashedBySignal": Program, "CoreStorm": Program, "ContainerExited": Program, "CommandFails": Program, "ExitsAtOnce": Program,
	"AppError": Program, "PortConflict": Program, "ReadOnlyFiles": Program, "PermissionDenied": Program, "VolumePermissionDenied": Program,
	"MemoryLeak": Program, "NodeKiller": Program,

	"OOMKilled": Load, "AppOutOfMemory": Load, "OOMAlert": Load, "TooManyFiles": Load, "TooManyProcesses": Load, "DiskHigh": Load,

	"ImageNotFound": Declaration, "ImageNameInvalid": Declaration, "ImageArchMismatch": Declaration, "ImageNeverPulled": Declaration,
	"SecretMissing": Declaration, "SecretKeyMissing": Declaration, "ConfigMapMissing": Declaration, "ConfigKeyMissing": Declaration,
	"SettingMissing": Declaration, "MountPathMissing": Declaration, "RBACDenied": Declaration, "APIRemoved": Declaration,

	"WorkloadChanged": Revision, "ConfigChanged": Revision,
}

// WhoseFault says where a failure comes from whose first cause is a fact of this ID.
func WhoseFault(id string) Whose { return whose[id] }
