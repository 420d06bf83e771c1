package kubeconfig

import (
	"bytes"
	"errors"
	"fmt"

	"go.yaml.in/yaml/v3"
)

// ErrForeign indicates that an entry of the same name leads elsewhere.
var ErrForeign = errors.New("belongs to something else")

// extensionName marks our entries; kubectl keeps extensions as they are.
const extensionName = "bulkhead.dev"

// kinds are the three lists of a kubeconfig, with the name of what each item
// holds.
var kinds = []struct{ list, item string }{
	{"clusters", "cluster"}, {"users", "user"}, {"contexts", "context"},
}

// merge returns data with entry in it, and as the current context.
func merge(data []byte, entry Entry) ([]byte, error) {
	doc, root, err := parse(data)
	if err != nil {
		return nil, err
	}
	for _, kind := range kinds {
		if found := find(root, kind.list, entry.Name); found != nil && owner(found, kind.item) != entry.Owner {
			return nil, fmt.Errorf("%s %q %w", kind.item, entry.Name, ErrForeign)
		}
	}
	for _, kind := range kinds {
		item := mapping("name", entry.Name)
		set(item, kind.item, content(kind.item, entry))
		list := list(root, kind.list)
		if found := find(root, kind.list, entry.Name); found != nil {
			*found = *item
		} else {
			list.Content = append(list.Content, item)
		}
	}
	set(root, "current-context", scalar(entry.Name))
	return encode(doc)
}

// remove returns data without the entries of owner, and their names.
func remove(data []byte, of string) ([]byte, []string, error) {
	doc, root, err := parse(data)
	if err != nil {
		return nil, nil, err
	}
	var removed []string
	for _, kind := range kinds {
		value := get(root, kind.list)
		if value == nil || value.Kind != yaml.SequenceNode {
			continue
		}
		var kept []*yaml.Node
		for _, item := range value.Content {
			if owner(item, kind.item) != of {
				kept = append(kept, item)
				continue
			}
			name := get(item, "name")
			if kind.list != "contexts" || name == nil {
				continue
			}
			removed = append(removed, name.Value)
			if current := get(root, "current-context"); current != nil && current.Value == name.Value {
				set(root, "current-context", scalar(""))
			}
		}
		value.Content = kept
	}
	if removed == nil {
		return data, nil, nil
	}
	data, err = encode(doc)
	return data, removed, err
}

// content is what a list's item holds beside its name.
func content(item string, e Entry) *yaml.Node {
	node := mapping()
	put := func(key, value string) {
		if value != "" {
			set(node, key, scalar(value))
		}
	}
	switch item {
	case "cluster":
		put("certificate-authority-data", e.CertificateAuthorityData)
		put("server", e.Server)
	case "user":
		put("client-certificate", e.ClientCertificate)
		put("client-key", e.ClientKey)
		put("client-certificate-data", e.ClientCertificateData)
		put("client-key-data", e.ClientKeyData)
	case "context":
		put("cluster", e.Name)
		put("user", e.Name)
	}
	extension := mapping("name", extensionName)
	set(extension, "extension", mapping("data-dir", e.Owner))
	set(node, "extensions", &yaml.Node{Kind: yaml.SequenceNode, Content: []*yaml.Node{extension}})
	return node
}

// owner is the data directory that a list's item carries, or "".
func owner(node *yaml.Node, item string) string {
	extensions := get(get(node, item), "extensions")
	if extensions == nil {
		return ""
	}
	for _, extension := range extensions.Content {
		if name := get(extension, "name"); name == nil || name.Value != extensionName {
			continue
		}
		if dir := get(get(extension, "extension"), "data-dir"); dir != nil {
			return dir.Value
		}
	}
	return ""
}

func parse(data []byte) (doc, root *yaml.Node, err error) {
	doc = &yaml.Node{}
	if err := yaml.Unmarshal(data, doc); err != nil {
		return nil, nil, err
	}
	if doc.Kind == 0 || len(doc.Content) == 0 || doc.Content[0].Tag == "!!null" { // empty, or comments only
		root = mapping("apiVersion", "v1", "kind", "Config")
		return &yaml.Node{Kind: yaml.DocumentNode, Content: []*yaml.Node{root}}, root, nil
	}
	root = doc.Content[0]
	if root.Kind != yaml.MappingNode {
		return nil, nil, errors.New("not a kubeconfig")
	}
	return doc, root, nil
}

func encode(doc *yaml.Node) ([]byte, error) {
	var buffer bytes.Buffer
	encoder := yaml.NewEncoder(&buffer)
	encoder.SetIndent(2)
	if err := encoder.Encode(doc); err != nil {
		return nil, err
	}
	return buffer.Bytes(), encoder.Close()
}

// list returns root's list of that name, made if it is missing or null.
func list(root *yaml.Node, name string) *yaml.Node {
	value := get(root, name)
	if value == nil || value.Kind != yaml.SequenceNode {
		value = &yaml.Node{Kind: yaml.SequenceNode}
		set(root, name, value)
	}
	if len(value.Content) == 0 {
		value.Style = 0 // "[]" would force everything into one line
	}
	return value
}

// find returns the item of that name in root's list, or nil.
func find(root *yaml.Node, listName, name string) *yaml.Node {
	value := get(root, listName)
	if value == nil {
		return nil
	}
	for _, item := range value.Content {
		if found := get(item, "name"); found != nil && found.Value == name {
			return item
		}
	}
	return nil
}

// get returns the value of key in a mapping, or nil; node may be nil.
func get(node *yaml.Node, key string) *yaml.Node {
	if node == nil || node.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == key {
			return node.Content[i+1]
		}
	}
	return nil
}

// set puts key with value into a mapping, or replaces its value.
func set(node *yaml.Node, key string, value *yaml.Node) {
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == key {
			node.Content[i+1] = value
			return
		}
	}
	node.Content = append(node.Content, scalar(key), value)
}

func mapping(pairs ...string) *yaml.Node {
	node := &yaml.Node{Kind: yaml.MappingNode}
	for i := 0; i+1 < len(pairs); i += 2 {
		set(node, pairs[i], scalar(pairs[i+1]))
	}
	return node
}

func scalar(value string) *yaml.Node {
	node := &yaml.Node{}
	node.SetString(value) // quotes what would read as another type
	return node
}
