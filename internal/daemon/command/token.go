package command

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/bulkhead-k8s/bulkhead/internal/jointoken"
	"github.com/bulkhead-k8s/bulkhead/internal/kube/bootstraptoken"
)

// tokenCommand prints JSON, which `bulkhead token` shows to people.
func tokenCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "token", Short: "Make, list and delete tokens by which machines join", Hidden: true}
	cmd.AddCommand(tokenCreate(), tokenList(), tokenDelete())
	return cmd
}

func tokenCreate() *cobra.Command {
	var a access
	var ttl time.Duration
	var description string
	cmd := &cobra.Command{
		Use:  "create",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, err := a.rest()
			if err != nil {
				return err
			}
			client, err := kubernetes.NewForConfig(config)
			if err != nil {
				return err
			}
			pin, err := pinOf(config)
			if err != nil {
				return err
			}
			text, token, err := bootstraptoken.Create(cmd.Context(), client, pin, description, ttl)
			if err != nil {
				return err
			}
			return json.NewEncoder(cmd.OutOrStdout()).Encode(struct {
				bootstraptoken.Token
				Text   string `json:"token"`
				Server string `json:"server"`
			}{token, text.String(), config.Host})
		},
	}
	a.addFlags(cmd)
	cmd.Flags().DurationVar(&ttl, "ttl", 24*time.Hour, "how long it holds; 0 is for ever")
	cmd.Flags().StringVar(&description, "description", "", "what it is for")
	return cmd
}

// pinOf is the hash of the authority that a kubeconfig trusts.
func pinOf(config *rest.Config) (string, error) {
	data := config.CAData
	if config.CAFile != "" {
		var err error
		if data, err = os.ReadFile(config.CAFile); err != nil {
			return "", fmt.Errorf("read the server's certificate authority: %w", err)
		}
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return "", errors.New("the kubeconfig names no certificate authority of the server")
	}
	authority, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return "", fmt.Errorf("read the server's certificate authority: %w", err)
	}
	return jointoken.PinOf(authority), nil
}

func tokenList() *cobra.Command {
	var a access
	cmd := &cobra.Command{
		Use:  "list",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			tokens, err := bootstraptoken.List(cmd.Context(), client)
			if err != nil {
				return err
			}
			return json.NewEncoder(cmd.OutOrStdout()).Encode(tokens)
		},
	}
	a.addFlags(cmd)
	return cmd
}

func tokenDelete() *cobra.Command {
	var a access
	cmd := &cobra.Command{
		Use:  "delete TOKEN",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			_, err = bootstraptoken.Delete(cmd.Context(), client, args[0])
			return err
		},
	}
	a.addFlags(cmd)
	return cmd
}
