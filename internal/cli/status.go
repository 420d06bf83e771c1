package cli

import (
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulkhead-k8s/bulkhead/internal/admin"
)

func (a *app) status() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show components, versions, addresses, health and resources",
		Long: `Show how the cluster is.

Exit codes: 0 all is well, 1 it is starting or something is not healthy, 2 the
command line makes no sense, 3 no daemon runs.`,
		Example: a.text(`  bulkhead status
  bulkhead status -o json | jq .ready
  until bulkhead status >/dev/null; do sleep 1; done`),
		Args: a.noArgs,
	}
	daemon := a.daemonOf(cmd)
	output := addOutput(cmd, table, asJSON, asYAML)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		client, err := daemon()
		if err != nil {
			return err
		}
		defer client.Close()
		status, err := client.Status(cmd.Context())
		if err != nil {
			return err
		}
		if *output == table {
			err = a.printStatus(status)
		} else {
			err = printAs(a.out, *output, status)
		}
		return errors.Join(err, healthCode(status))
	}
	return cmd
}

// healthCode is the exit code that a status deserves, as an error.
func healthCode(status admin.Status) error {
	if !status.Ready {
		return codeError(exitFailed)
	}
	for _, component := range status.Components {
		if component.Health != admin.HealthOK {
			return codeError(exitFailed)
		}
	}
	return nil
}

func (a *app) printStatus(s admin.Status) error {
	state := a.paint(a.out, green, "ready")
	if !s.Ready {
		state = a.paint(a.out, yellow, "starting")
	}
	nodes := fmt.Sprintf("%s (%s)", s.NodeName, s.NodeIP)
	if s.Simulated {
		nodes = "simulated"
	}
	r := s.Resources
	usage := fmt.Sprintf("%s, %.1f s of CPU", bytesText(r.ResidentBytes), r.CPUSeconds)
	if r.ContainerdResidentBytes > 0 {
		usage += fmt.Sprintf("; containerd %s, %.1f s", bytesText(r.ContainerdResidentBytes), r.ContainerdCPUSeconds)
	}
	server := "API server"
	if s.Agent {
		server = "Server"
	}
	rows := [][2]string{
		{"State", fmt.Sprintf("%s, process %d, up %s", state, s.PID, time.Since(s.Started).Round(time.Second))},
		{"Version", fmt.Sprintf("Bulkhead %s, Kubernetes %s", s.Version, s.KubernetesVersion)},
		{"Node", nodes},
		{server, s.Server},
		{"DNS", s.ClusterDNS},
	}
	if s.Kubeconfig != "" {
		rows = append(rows, [2]string{"Kubeconfig", s.Kubeconfig})
	}
	rows = append(rows, [][2]string{
		{"Data", fmt.Sprintf("%s (%s free)", s.DataDir, bytesText(r.DiskFreeBytes))},
		{"Memory", usage},
	}...)
	if d := s.Diagnosis; d != nil {
		rows = append(rows, [2]string{"Journal", fmt.Sprintf("%d records, %s", d.Records, bytesText(d.JournalBytes))}, [2]string{"Incidents", a.incidentsText(d)})
		for _, p := range d.Problems {
			rows = append(rows, [2]string{"", a.paint(a.out, yellow, p)})
		}
	}
	for _, row := range rows {
		a.printf("%-11s %s\n", row[0], row[1])
	}
	a.printf("\n")
	writer := tabwriter.NewWriter(a.out, 0, 8, 3, ' ', 0)
	fmt.Fprintln(writer, "COMPONENT\tHEALTH\tVERSION\tADDRESS\tMESSAGE")
	for _, c := range s.Components {
		fmt.Fprintf(writer, "%s\t%s\t%s\t%s\t%s\n", c.Name, c.Health, c.Version, c.Address, c.Message)
	}
	if err := writer.Flush(); err != nil {
		return err
	}
	return a.printNodes(s.Nodes)
}

// maxNodesShown keeps a status on a screen or two; kubectl lists more.
const maxNodesShown = 50

// printNodes lists the cluster's nodes where there are several.
func (a *app) printNodes(nodes []admin.Node) error {
	if len(nodes) < 2 {
		return nil
	}
	a.printf("\n")
	writer := tabwriter.NewWriter(a.out, 0, 8, 3, ' ', 0)
	fmt.Fprintln(writer, "NODE\tSTATE\tADDRESS\tVERSION\tAGE\tMESSAGE")
	for _, n := range nodes[:min(len(nodes), maxNodesShown)] {
		state := "ready"
		if !n.Ready {
			state = "not ready"
		}
		if n.Cordoned {
			state += ", cordoned"
		}
		fmt.Fprintf(writer, "%s\t%s\t%s\t%s\t%s\t%s\n", n.Name, state, n.Address, n.Version, time.Since(n.Created).Round(time.Second), n.Message)
	}
	if more := len(nodes) - maxNodesShown; more > 0 {
		fmt.Fprintf(writer, "%d more; `%s kubectl get nodes` lists all\n", more, a.name)
	}
	return writer.Flush()
}

func (a *app) incidentsText(d *admin.Diagnosis) string {
	switch d.OpenIncidents {
	case 0:
		return "none"
	case 1:
		return a.paint(a.out, red, "1 is open") + "; see `" + a.name + " why`"
	}
	return a.paint(a.out, red, fmt.Sprintf("%d are open", d.OpenIncidents)) + "; see `" + a.name + " why`"
}
