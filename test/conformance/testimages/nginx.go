package testimages

import (
	"context"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/image"
)

// nginxConf serves as the public image does: one site on port 80 from
// /usr/share/nginx/html, with logs on the container's output.
const nginxConf = `user nginx;
worker_processes 1;
pid /run/nginx.pid;
error_log /dev/stderr notice;
events { worker_connections 512; }
http {
	include /etc/nginx/mime.types;
	default_type application/octet-stream;
	access_log /dev/stdout;
	server {
		listen 80;
		listen [::]:80;
		location / {
			root /usr/share/nginx/html;
			index index.html;
		}
	}
}
`

const nginxPage = "<!DOCTYPE html>\n<html><head><title>Welcome to nginx!</title></head><body><h1>Welcome to nginx!</h1></body></html>\n"

func nginx(ctx context.Context, m maker) (v1.Image, error) {
	return m.FromDebian(ctx, image.Debian{
		Packages: []string{"nginx", "busybox-static", "bash-static"},
		Drop:     []string{"usr/share/perl", "usr/share/perl5", "usr/lib/*/perl", "usr/lib/*/perl-base", "usr/bin/perl*"},
		Under:    busyboxLinks(),
		Users:    []image.User{{Name: "nginx", UID: 101}},
		Files: []image.File{
			shell("bash-static"),
			{Path: "/etc/nginx/nginx.conf", Content: []byte(nginxConf)},
			{Path: "/usr/share/nginx/html/index.html", Content: []byte(nginxPage)},
		},
	}, m.config(image.Config{
		Cmd: []string{"nginx", "-g", "daemon off;"}, ExposedPorts: []string{"80"}, StopSignal: "SIGQUIT",
	}))
}
