package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
)

// joinToken is a token as bulkheadd describes it.
type joinToken struct {
	ID          string    `json:"id"`
	Description string    `json:"description,omitempty"`
	Expires     time.Time `json:"expires,omitzero"`
	Expired     bool      `json:"expired,omitempty"`
}

// newToken is one that was just made.
type newToken struct {
	joinToken
	// Token is the whole text, the secret too.
	Token  string `json:"token"`
	Server string `json:"server"`
}

func (a *app) token() *cobra.Command {
	return a.family(&cobra.Command{
		Use:   "token",
		Short: "Let other machines join: make, list and delete tokens",
	}, a.tokenCreate(), a.tokenList(), a.tokenDelete())
}

func (a *app) tokenCreate() *cobra.Command {
	var ttl time.Duration
	var description string
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Make a token and print the command that joins with it",
		Long: `Make a token with which machines can join this cluster until it expires, and print
the command to type there. Who has the token can add nodes to the cluster; it also
says which server is the right one. Machines that have joined need it no more.`,
		Example: a.text(`  bulkhead token create
  bulkhead token create --ttl 1h --description "rack 2"
  bulkhead token create -o json | jq -r .token`),
		Args: a.noArgs,
	}
	load := a.locate(cmd)
	cmd.Flags().DurationVar(&ttl, "ttl", 24*time.Hour, "how long it holds; 0 is until it is deleted")
	cmd.Flags().StringVar(&description, "description", "", "what it is for, shown by `list`")
	output := addOutput(cmd, table, asJSON, asYAML)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := load()
		if err != nil {
			return err
		}
		var out bytes.Buffer
		if err := a.onCluster(cmd.Context(), c, &out, "token", "create", "--ttl="+ttl.String(), "--description="+description); err != nil {
			return err
		}
		var made newToken
		if err := json.Unmarshal(out.Bytes(), &made); err != nil {
			return fmt.Errorf("read what bulkheadd says: %w", err)
		}
		if *output != table {
			return printAs(a.out, *output, made)
		}
		a.printf("On the other machine, %s:\n\n  bulkhead join %s --token %s\n", made.holds(), made.Server, made.Token)
		return nil
	}
	return cmd
}

func (t joinToken) holds() string {
	if t.Expires.IsZero() {
		return "until the token is deleted"
	}
	return "until " + t.Expires.Local().Format("2006-01-02 15:04")
}

func (a *app) tokenList() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List tokens, without their secrets",
		Example: a.text("  bulkhead token list"),
		Args:    a.noArgs,
	}
	load := a.locate(cmd)
	output := addOutput(cmd, table, asJSON, asYAML)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := load()
		if err != nil {
			return err
		}
		var out bytes.Buffer
		if err := a.onCluster(cmd.Context(), c, &out, "token", "list"); err != nil {
			return err
		}
		var tokens []joinToken
		if err := json.Unmarshal(out.Bytes(), &tokens); err != nil {
			return fmt.Errorf("read what bulkheadd says: %w", err)
		}
		if *output != table {
			return printAs(a.out, *output, tokens)
		}
		if len(tokens) == 0 {
			a.printf("There are no tokens; `%s token create` makes one.\n", a.name)
			return nil
		}
		writer := tabwriter.NewWriter(a.out, 0, 8, 3, ' ', 0)
		fmt.Fprintln(writer, "ID\tHOLDS\tDESCRIPTION")
		for _, t := range tokens {
			holds := t.holds()
			if t.Expired {
				holds = "expired"
			}
			fmt.Fprintf(writer, "%s\t%s\t%s\n", t.ID, holds, t.Description)
		}
		return writer.Flush()
	}
	return cmd
}

func (a *app) tokenDelete() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "delete TOKEN",
		Short:   "Delete a token; machines that have joined with it stay",
		Example: a.text("  bulkhead token delete abcdef"),
		Args:    a.args(cobra.ExactArgs(1)),
	}
	load := a.locate(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := load()
		if err != nil {
			return err
		}
		if err := a.onCluster(cmd.Context(), c, a.out, "token", "delete", args[0]); err != nil {
			return err
		}
		a.printf("Deleted token %.6s.\n", args[0])
		return nil
	}
	return cmd
}
