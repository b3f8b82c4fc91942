# What can be done in this repository. Each target checks what it needs first, and installs what it can.

CARGO = cargo

.DEFAULT_GOAL := help
.PHONY: help demo test lint size

help:
	@echo 'make demo   watch a deployment from push to verdict, on this machine alone (needs a Docker engine)'
	@echo 'make test   formatting, lints, every test, documentation; ends with the sum of the tests'
	@echo 'make lint   formatting and lints only'
	@echo 'make size   build for release; size of the binary and time of `shipgate --version`'

demo:
	@scripts/setup build docker
	@$(CARGO) build --locked --quiet
	@target/debug/shipgate demo

test:
	@scripts/setup build lint docker chromium python skopeo registry podman shellcheck
	@CARGO='$(CARGO)' scripts/test

lint:
	@scripts/setup build lint
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings

size:
	@scripts/setup build
	$(CARGO) build --locked --release
	@scripts/size target/release/shipgate
