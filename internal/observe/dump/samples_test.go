package dump

// samplePod is a description as kubectl printed it up to 1.33.
const samplePod = `Name:             %s
Namespace:        shop
Priority:         0
Service Account:  default
Node:             node-1/10.0.0.5
Start Time:       Sun, 01 Mar 2026 10:00:00 +0100
Labels:           app=web
                  pod-template-hash=64ddc5c766
Annotations:      <none>
Status:           Running
IP:               172.20.1.220
IPs:
  IP:           172.20.1.220
Controlled By:  ReplicaSet/web-64ddc5c766
Containers:
  server:
    Container ID:   containerd://e03d
    Image:          registry.example.com/web:v3
    Image ID:       registry.example.com/web@sha256:ff1a
    Port:           8080/TCP
    Host Port:      0/TCP
    State:          Waiting
      Reason:       CrashLoopBackOff
    Last State:     Terminated
      Reason:       Error
      Exit Code:    134
      Started:      Sun, 01 Mar 2026 10:05:00 +0100
      Finished:     Sun, 01 Mar 2026 10:05:02 +0100
    Ready:          False
    Restart Count:  5
    Limits:
      cpu:     300m
      memory:  300Mi
    Requests:
      cpu:      200m
      memory:   180Mi
    Liveness:   http-get http://:8080/healthz delay=5s timeout=1s period=10s #success=1 #failure=3
    Environment:
      PORT:      8080
      PASSWORD:  <set to the key 'password' in secret 'db'>  Optional: false
    Mounts:
      /data from data (rw)
Conditions:
  Type              Status
  Initialized       True 
  Ready             False 
  ContainersReady   False 
  PodScheduled      True 
Volumes:
  data:
    Type:        PersistentVolumeClaim (a reference to a PersistentVolumeClaim in the same namespace)
    ClaimName:   data
    ReadOnly:    false
QoS Class:       Burstable
Node-Selectors:  <none>
Tolerations:     node.kubernetes.io/not-ready:NoExecute op=Exists for 300s
                 node.kubernetes.io/unreachable:NoExecute op=Exists for 300s
Events:
  Type     Reason     Age                 From               Message
  ----     ------     ----                ----               -------
  Normal   Scheduled  6m                  default-scheduler  Successfully assigned shop/web to node-1
  Warning  BackOff    57s (x3 over 4m1s)  kubelet            Back-off restarting failed container server
`
