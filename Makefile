# `make help` prints what is here. What takes more than a line is a program or a
# script with a name: build/*.sh, examples/shop/deploy, test/conformance, bench.
.DEFAULT_GOAL := help
.PHONY: help up demo test down clean deps build install check lint fmt conformance scenarios warstory bench

# Trimmed everywhere, so that builds and tests share what they compile: all of
# Kubernetes a second time takes a quarter of an hour.
export GOFLAGS := -trimpath $(GOFLAGS)

GOLANGCI_LINT := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
PREFIX ?= /usr/local
# DATA_DIR=... is another cluster than the usual one, for up, down, clean and conformance.
DATA := $(if $(DATA_DIR),--data-dir=$(DATA_DIR))
export DATA_DIR

help: ## Show this text
	@echo 'Usage: make TARGET'
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: deps build ## Start a cluster with the shop on it, from a clean clone (BULKHEAD_FLAGS: for `bulkhead up`)
	@build/up.sh

demo: deps build ## Crash a server under traffic and ask `bulkhead why`, on the running cluster or one of its own
	@build/demo.sh

test: build ## Run all tests; those that need root or containers skip without, and say so
	@build/test.sh

down: ## Stop the cluster that `make up` started; its data stays
	@if [ -x bin/bulkhead ]; then bin/bulkhead down $(DATA); else echo 'nothing is built, so nothing runs'; fi

clean: ## Remove the cluster with its data, and all that was built
	@if [ -x bin/bulkhead ]; then bin/bulkhead reset --yes $(DATA); fi
	rm -rf bin dist conformance-report

deps: ## Install the Debian packages that are missing (as root or with sudo)
	@build/deps.sh

build: ## Build bin/: bulkhead, bulkheadd, containerd, runc and the CNI plugins
	@build/build.sh

install: build ## Copy the programs below PREFIX (/usr/local)
	install -d $(PREFIX)/bin $(PREFIX)/lib/bulkhead/cni
	install bin/bulkhead bin/bulkheadd bin/bulkhead-core bin/bulkhead-containerd bin/bulkhead-containerd-shim bin/runc $(PREFIX)/lib/bulkhead
	install bin/cni/* $(PREFIX)/lib/bulkhead/cni
	ln -sf ../lib/bulkhead/bulkhead ../lib/bulkhead/bulkheadd $(PREFIX)/bin
	ln -sf bulkhead $(PREFIX)/bin/kubectl-bulkhead

check: fmt lint test ## What CI runs

fmt: ## Check that the source is formatted
	@unformatted=$$(gofmt -l cmd internal examples test bench); test -z "$$unformatted" || { echo "run gofmt -w on: $$unformatted" >&2; exit 1; }

lint: ## Run golangci-lint, go vet among its linters
	go run $(GOLANGCI_LINT) run

conformance: build ## Run upstream's conformance suite on a running cluster (FOCUS: fast, all or an expression)
	go run ./test/conformance run -kubeconfig "$$(bin/bulkhead status $(DATA) -o json | sed -n 's/.*"kubeconfig": "\(.*\)".*/\1/p')" -focus '$(or $(FOCUS),fast)'

scenarios: ## Diagnose the catalogue of failures and print how many first causes are right
	go run ./test/scenarios

warstory: build ## Play the war story on real nodes, with stock rules and with Bulkhead, side by side (15 min, as root)
	go run ./bench/warstory

bench: build ## Measure the start, the size and the CLI, beside their peers
	go run ./bench/boot
	go run ./bench/cli
