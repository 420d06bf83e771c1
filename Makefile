# `make help` prints what is here. What takes more than a line is a script in build/.
.DEFAULT_GOAL := help
.PHONY: help build deps

help: ## Show this text
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## Build bin/: bulkhead, bulkheadd, runc and the CNI plugins
	@build/build.sh
