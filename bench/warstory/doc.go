// Command warstory plays the war story twice, on the same machines, with the same
// application and the same traffic: once with what autoscalers, node repair and
// core dumps do elsewhere (stock), once with Bulkhead.
//
//	cluster with local nodes -> pool, pages, neighbours -> calm -> campaign, 10 % to all
//	                         -> what requests, nodes and Incidents did -> two results
//
// All that is compared is measured from outside: requests from this process, Nodes
// and Incidents from the API, disks from the file system. Its one rule: the sides
// differ in what side.go says, and in nothing else.
package main
