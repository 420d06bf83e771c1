package sandbox

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Blob is one part of an image with what describes it.
type Blob struct {
	Descriptor ocispec.Descriptor
	Data       []byte
}

// Image is an OCI image of one layer.
type Image struct {
	Manifest, Config, Layer Blob
	// ChainID names the layer's snapshot.
	ChainID digest.Digest
}

// nobody runs the program, as it does upstream's: it needs no rights.
const nobody = "65535:65535"

// Assemble returns the sandbox image for a GOARCH.
func Assemble(arch string) (*Image, error) {
	program, err := Program(arch)
	if err != nil {
		return nil, err
	}
	layer, err := archive("pause", program)
	if err != nil {
		return nil, err
	}
	diffID := digest.FromBytes(layer)
	image := &Image{Layer: blob(ocispec.MediaTypeImageLayer, layer), ChainID: diffID}
	image.Config, err = encode(ocispec.MediaTypeImageConfig, ocispec.Image{
		Platform: ocispec.Platform{OS: "linux", Architecture: arch},
		Config:   ocispec.ImageConfig{User: nobody, Entrypoint: []string{"/pause"}, WorkingDir: "/"},
		RootFS:   ocispec.RootFS{Type: "layers", DiffIDs: []digest.Digest{diffID}},
	})
	if err != nil {
		return nil, err
	}
	image.Manifest, err = encode(ocispec.MediaTypeImageManifest, ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: ocispec.MediaTypeImageManifest,
		Config:    image.Config.Descriptor,
		Layers:    []ocispec.Descriptor{image.Layer.Descriptor},
	})
	return image, err
}

// archive returns a tar with one program and nothing that varies.
func archive(name string, program []byte) ([]byte, error) {
	var data bytes.Buffer
	writer := tar.NewWriter(&data)
	err := writer.WriteHeader(&tar.Header{
		Name: name, Mode: 0o755, Size: int64(len(program)), Typeflag: tar.TypeReg, Format: tar.FormatUSTAR,
	})
	if err == nil {
		_, err = writer.Write(program)
	}
	if err == nil {
		err = writer.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("archive sandbox program: %w", err)
	}
	return data.Bytes(), nil
}

func encode(mediaType string, value any) (Blob, error) {
	data, err := json.Marshal(value)
	if err != nil {
		return Blob{}, fmt.Errorf("encode sandbox image: %w", err)
	}
	return blob(mediaType, data), nil
}

func blob(mediaType string, data []byte) Blob {
	return Blob{
		Descriptor: ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(data), Size: int64(len(data))},
		Data:       data,
	}
}
