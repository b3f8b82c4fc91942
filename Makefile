# What can be done in this repository. Each target checks what it needs first, and installs what it can.

CARGO = cargo

.DEFAULT_GOAL := help
.PHONY: help demo test lint size package image

help:
	@echo 'make demo      watch a deployment from push to verdict, on this machine alone (needs a Docker engine)'
	@echo 'make test      formatting, lints, every test, documentation; ends with the sum of the tests'
	@echo 'make lint      formatting and lints only'
	@echo 'make size      build for release; size of the binary and time of `shipgate --version`'
	@echo 'make package   build for release and pack it as it is released, for this machine'
	@echo 'make image     build a minimal image of it for the local Docker engine'

demo:
	@scripts/setup build docker
	@$(CARGO) build --locked --quiet
	@target/debug/shipgate demo

test:
	@scripts/setup build lint docker chromium python skopeo registry podman groff shellcheck
	@CARGO='$(CARGO)' scripts/test

lint:
	@scripts/setup build lint
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings

size:
	@scripts/setup build
	$(CARGO) build --locked --release
	@scripts/size target/release/shipgate

package:
	@scripts/setup build
	$(CARGO) build --locked --release
	@scripts/package target/release/shipgate "$$(rustc -vV | sed -n 's/^host: //p')" target/package

image:
	@scripts/setup build docker
	@CARGO='$(CARGO)' scripts/image shipgate
