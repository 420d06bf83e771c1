package jointoken

import (
	"strings"
	"testing"
)

const hash = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func TestTextsThatAreTokensComeBackAsTheyWere(t *testing.T) {
	text := "abcdef.0123456789abcdef@sha256:" + hash
	token, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if token.String() != text || token.Bearer() != "abcdef.0123456789abcdef" || token.Pin != hash {
		t.Errorf("parsed %+v", token)
	}
}

func TestOtherTextsAreRefusedWithoutRepeatingThem(t *testing.T) {
	for _, text := range []string{
		"",
		"abcdef.0123456789abcdef", // pins nobody
		"abcdef.0123456789abcde@sha256:" + hash,
		"ABCDEF.0123456789abcdef@sha256:" + hash,
		"abcdef.0123456789abcdef@sha256:" + hash[1:],
		"abcdef.0123456789abcdef@sha256:" + hash + "\n",
		"abcdef.0123456789abcdef@md5:" + hash,
	} {
		_, err := Parse(text)
		if err == nil {
			t.Errorf("%q was taken", text)
		} else if strings.Contains(err.Error(), hash) || !strings.Contains(err.Error(), "bulkhead token create") {
			t.Errorf("%q: error %q should say how to get one, and repeat no secret", text, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("abcdef.0123456789abcdef@sha256:" + hash)
	f.Fuzz(func(t *testing.T, text string) {
		if token, err := Parse(text); err == nil && token.String() != text {
			t.Errorf("%q came back as %q", text, token)
		}
	})
}
