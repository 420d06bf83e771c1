package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/spf13/cobra"

	"github.com/bulkhead-k8s/bulkhead/internal/admin"
	"github.com/bulkhead-k8s/bulkhead/internal/image"
)

func (a *app) image() *cobra.Command {
	return a.family(&cobra.Command{
		Use:   "image",
		Short: "Import, list and build container images",
	}, a.imageImport(), a.imageList(), a.imageBuildFromDir())
}

func (a *app) imageImport() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "import FILE...|-",
		Short: "Load images from archives, so that pods can use them without a registry",
		Long: `Load images from tar archives as docker save, podman save or an OCI layout make
them, compressed or not. "-" reads one from standard input.`,
		Example: a.text(`  bulkhead image import app.tar
  docker save app:1 | bulkhead image import -`),
		Args: a.args(cobra.MinimumNArgs(1)),
	}
	daemon := a.daemonOf(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		client, err := daemon()
		if err != nil {
			return err
		}
		defer client.Close()
		for _, name := range args {
			if err := a.importFrom(cmd.Context(), client, name); err != nil {
				return err
			}
		}
		return nil
	}
	return cmd
}

func (a *app) importFrom(ctx context.Context, client *admin.Client, name string) error {
	archive := io.NopCloser(a.in)
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return fmt.Errorf("import: %w", err)
		}
		archive = file
	}
	defer archive.Close()
	images, err := client.ImportImages(ctx, archive)
	if err != nil {
		return fmt.Errorf("import %s: %w", name, err)
	}
	a.printImported(images)
	return nil
}

func (a *app) printImported(images []admin.Image) {
	for _, image := range images {
		a.printf("imported %s (%s)\n", image.Name, bytesText(image.SizeBytes))
	}
}

func (a *app) imageList() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List the images that pods can use without a registry",
		Example: a.text(`  bulkhead image list
  bulkhead image list -o json`),
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
		images, err := client.ListImages(cmd.Context())
		if err != nil {
			return err
		}
		if *output != table {
			return printAs(a.out, *output, images)
		}
		writer := tabwriter.NewWriter(a.out, 0, 8, 3, ' ', 0)
		fmt.Fprintln(writer, "IMAGE\tDIGEST\tSIZE")
		for _, image := range images {
			fmt.Fprintf(writer, "%s\t%.19s\t%s\n", image.Name, image.Digest, bytesText(image.SizeBytes))
		}
		return writer.Flush()
	}
	return cmd
}

func (a *app) imageBuildFromDir() *cobra.Command {
	var tags []string
	var output string
	var settings image.Config
	cmd := &cobra.Command{
		Use:   "build-from-dir DIR --tag NAME",
		Short: "Make an image of a directory's content and load it",
		Long: `Make an image of one layer that holds what is in a directory, owned by root, and
load it into the cluster, or write it to a file with --write. It takes neither a
registry nor another tool; the same content gives the same digest.`,
		Example: a.text(`  bulkhead image build-from-dir ./rootfs -t app:1 --entrypoint /app
  bulkhead image build-from-dir ./site -t site:1 --write site.tar`),
		Args: a.args(cobra.ExactArgs(1)),
	}
	daemon := a.daemonOf(cmd)
	flags := cmd.Flags()
	flags.StringArrayVarP(&tags, "tag", "t", nil, "name of the image, as app:1 or registry/app:1 (repeatable)")
	flags.StringVar(&output, "write", "", "write an archive to this file instead of loading the image")
	flags.StringArrayVar(&settings.Entrypoint, "entrypoint", nil, "word of the entry point (repeatable)")
	flags.StringArrayVar(&settings.Cmd, "cmd", nil, "word of the default arguments (repeatable)")
	flags.StringArrayVar(&settings.Env, "env", nil, "NAME=value of the environment (repeatable)")
	flags.StringVar(&settings.User, "user", "", "user that it runs as, with an optional :group")
	flags.StringVar(&settings.WorkingDir, "workdir", "", "folder that it starts in")
	flags.StringArrayVar(&settings.ExposedPorts, "expose", nil, "port that it listens on, as 80/tcp (repeatable)")
	flags.StringToStringVar(&settings.Labels, "label", nil, "label, as name=value (repeatable)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(tags) == 0 {
			return usageError{errors.New("the image needs a name: give one with --tag")}
		}
		built, err := image.FromDir(args[0], settings)
		if err != nil {
			return fmt.Errorf("build from %s: %w", args[0], err)
		}
		images := map[string]v1.Image{}
		for _, tag := range tags {
			images[tag] = built
		}
		if output != "" {
			return image.WriteArchiveFile(output, images)
		}
		client, err := daemon()
		if err != nil {
			return err
		}
		defer client.Close()
		reader, writer := io.Pipe()
		go func() { writer.CloseWithError(image.WriteArchive(writer, images)) }()
		imported, err := client.ImportImages(cmd.Context(), reader)
		reader.Close() // ends the writer if the daemon did not read all
		if err != nil {
			return fmt.Errorf("load the image: %w", err)
		}
		a.printImported(imported)
		return nil
	}
	return cmd
}
