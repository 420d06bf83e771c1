package main

// The settings' files of upstream's side. What differs from upstream's defaults
// is what a machine such as a container or a virtual one without all rights
// needs, and what Bulkhead has by default too.

const containerdTOML = `version = 4
root = '%[1]s/containerd'
state = '%[1]s/run/containerd'
imports = []
[plugins.'io.containerd.server.v1.grpc']
address = '%[1]s/run/containerd.sock'
[plugins.'io.containerd.server.v1.ttrpc']
address = '%[1]s/run/containerd.sock.ttrpc'
[plugins.'io.containerd.shim.v1.manager']
socket_dir = '%[2]s'
[plugins.'io.containerd.cri.v1.images'.pinned_images]
sandbox = '%[3]s'
[plugins.'io.containerd.cri.v1.runtime']
restrict_oom_score_adj = true
netns_mounts_under_state_dir = true
enable_unprivileged_ports = true
enable_unprivileged_icmp = true
[plugins.'io.containerd.cri.v1.runtime'.cni]
bin_dirs = ['%[4]s/cni']
conf_dir = '%[1]s/cni'
use_internal_loopback = true
[plugins.'io.containerd.cri.v1.runtime'.containerd]
default_runtime_name = 'runc'
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
runtime_type = 'io.containerd.runc.v2'
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
BinaryName = '%[4]s/runc'
Root = '%[1]s/run/runc'
SystemdCgroup = false
`

const cniConfig = `{
  "cniVersion": "1.0.0", "name": "bench",
  "plugins": [
    {"type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": true, "hairpinMode": true,
     "ipam": {"type": "host-local", "dataDir": "%[1]s/ipam", "ranges": [[{"subnet": "10.42.0.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
    {"type": "portmap", "capabilities": {"portMappings": true}}
  ]
}
`

const kubeletYAML = `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: %[2]s
readOnlyPort: 0
tlsCertFile: %[1]s/pki/kubelet-serving.pem
tlsPrivateKeyFile: %[1]s/pki/kubelet-serving.pem
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: true}
  x509: {clientCAFile: %[1]s/pki/client-ca.crt}
authorization: {mode: Webhook}
clusterDNS: [%[3]s]
clusterDomain: cluster.local
containerRuntimeEndpoint: unix://%[1]s/run/containerd.sock
cgroupDriver: cgroupfs
cgroupRoot: %[4]s
podLogsDir: %[1]s/pod-logs
failCgroupV1: false
failSwapOn: false
serializeImagePulls: false
volumePluginDir: %[1]s/kubelet/volumeplugins
`

const proxyYAML = `apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: nftables
clientConnection: {kubeconfig: %[1]s}
bindAddress: %[2]s
clusterCIDR: %[3]s
detectLocalMode: ClusterCIDR
conntrack: {maxPerCore: 0, min: 0}
`

const auditYAML = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: None
  nonResourceURLs: ["/healthz*", "/livez*", "/readyz*", "/version", "/openapi/*", "/apis*", "/api*"]
- level: None
  users: ["system:kube-controller-manager", "system:kube-scheduler", "system:kube-proxy", "system:apiserver", "bulkhead:daemon"]
  verbs: [get, list, watch]
- level: None
  userGroups: ["system:nodes", "system:serviceaccounts:kube-system"]
  verbs: [get, list, watch]
- level: None
  resources: [{group: "", resources: [events]}, {group: events.k8s.io, resources: [events]}]
- level: Metadata
`

// The key is public, which costs no processor time.
const encryptionYAML = `apiVersion: apiserver.config.k8s.io/v1
kind: EncryptionConfiguration
resources:
- resources: [secrets]
  providers:
  - secretbox: {keys: [{name: key1, secret: YmVuY2gtYmVuY2gtYmVuY2gtYmVuY2gtYmVuY2gtMTI=}]}
  - identity: {}
`

const corefile = `.:53 {
    bind %[1]s
    errors
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        kubeconfig %[2]s bench
        pods insecure
    }
    loadbalance
    cache 30
    forward . /etc/resolv.conf
}
`
