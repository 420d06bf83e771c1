package testimages

import (
	"context"
	"fmt"
	"runtime"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	imageutils "k8s.io/kubernetes/test/utils/image"

	"github.com/bulkhead-k8s/bulkhead/internal/image"
)

// labelImage gives every image an identity of its own: specs that go from one
// version of an image to another would otherwise see no change, since here
// both have the same content.
const labelImage = "dev.bulkhead.conformance.image"

// recipes say how each image is made. Images of upstream's list that are not
// here are used by no conformance spec.
var recipes = map[imageutils.ImageID]func(context.Context, maker) (v1.Image, error){
	imageutils.Agnhost:         agnhost,
	imageutils.AgnhostPrev:     agnhost,
	imageutils.APIServer:       sampleAPIServer,
	imageutils.BusyBox:         busybox,
	imageutils.Etcd:            etcd,
	imageutils.GlibcDnsTesting: glibcDNSTesting,
	imageutils.Kitten:          webPage("kitten"),
	imageutils.Nautilus:        webPage("nautilus"),
	imageutils.Nginx:           nginx,
	imageutils.NginxNew:        nginx,
	imageutils.Nonewprivs:      noNewPrivileges,
	imageutils.NonRoot:         nonRoot,
	imageutils.Pause:           pause,
}

// maker makes one image.
type maker struct {
	image.Builder
	// name is the image's full name.
	name string
	// module is the directory of the module k8s.io/kubernetes.
	module string
	// built are the programs that were compiled already, by package: linking
	// agnhost anew for each image that has it would take a minute.
	built map[string]string
}

func (m maker) config(c image.Config) image.Config {
	c.Labels = map[string]string{labelImage: m.name}
	c.Architecture = runtime.GOARCH
	return c
}

// Names lists the images that All makes.
func Names() []string {
	names := make([]string, 0, len(recipes))
	for id := range recipes {
		names = append(names, imageutils.GetE2EImage(id))
	}
	return names
}

// All assembles every image, by its full name. The current directory must be in
// this module.
func All(ctx context.Context, b image.Builder) (map[string]v1.Image, error) {
	module, err := moduleDir(ctx, "k8s.io/kubernetes")
	if err != nil {
		return nil, err
	}
	images, built := map[string]v1.Image{}, map[string]string{}
	for id, make := range recipes {
		name := imageutils.GetE2EImage(id)
		img, err := make(ctx, maker{Builder: b, name: name, module: module, built: built})
		if err != nil {
			return nil, fmt.Errorf("test image %s: %w", name, err)
		}
		images[name] = img
	}
	return images, nil
}
