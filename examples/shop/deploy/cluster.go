package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// cluster is reached through the program that a person would use.
type cluster struct {
	bulkhead string
	dataDir  string
}

// status is what of `bulkhead status -o json` matters here.
type status struct {
	Simulated bool   `json:"simulated"`
	NodeIP    string `json:"nodeIP"`
}

// run runs a command of bulkhead, with what it prints in the error if it fails.
func (c cluster) run(ctx context.Context, stdin io.Reader, args ...string) ([]byte, error) {
	if c.dataDir != "" {
		// Behind the command's name, or those of its subcommand.
		words := 1
		if args[0] == "image" {
			words = 2
		}
		args = append(append(append([]string{}, args[:words]...), "--data-dir="+c.dataDir), args[words:]...)
	}
	command := exec.CommandContext(ctx, c.bulkhead, args...)
	var said bytes.Buffer
	command.Stdin, command.Stderr = stdin, &said
	output, err := command.Output()
	if err != nil {
		return output, fmt.Errorf("bulkhead %s: %w\n%s", strings.Join(args, " "), err, strings.TrimSpace(said.String()))
	}
	return output, nil
}

// kubectl runs kubectl in the shop's namespace.
func (c cluster) kubectl(ctx context.Context, stdin io.Reader, args ...string) ([]byte, error) {
	return c.run(ctx, stdin, append([]string{"kubectl", "--namespace=shop"}, args...)...)
}

func (c cluster) status(ctx context.Context) (status, error) {
	var s status
	output, err := c.run(ctx, nil, "status", "--output=json")
	if len(output) > 0 { // it also fails while some component is not healthy
		err = json.Unmarshal(output, &s)
	}
	return s, err
}

// showPods prints what the shop's pods do, for who has to find out why they
// do not run.
func (c cluster) showPods() {
	output, err := c.kubectl(context.Background(), nil, "get", "pods,events", "--output=wide")
	if err == nil {
		fmt.Fprintf(os.Stderr, "%s", output)
	}
}
