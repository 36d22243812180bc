# The project's commands. `make help` lists them.

.PHONY: help demo test web bench fmt lint compose

help: ## List the commands
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 10

demo: ## Build, get the parts, start everything; Ctrl-C stops it
	@deploy/prepare
	@$(MAKE) --no-print-directory web
	cargo build --release --locked -p flowledger
	@exec ./target/release/flowledger demo

web: ## Build the web pages that the console serves
	cd console/web && npm ci --no-audit --no-fund --loglevel=error && npm run --silent build

# Cheap first. The binary is built before the tests that start it.
test: ## Run everything that must pass
	@deploy/prepare --test
	cargo fmt --all --check
	$(MAKE) --no-print-directory compose
	cd console/web && npm ci --no-audit --no-fund --loglevel=error && npm run --silent typecheck && npm run --silent test && npm run --silent build && npm run --silent e2e
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo build --locked -p flowledger
	cargo test --workspace --locked

compose: ## Check the model of docker-compose.yml
	@deploy/check-compose

lint: ## Format and lints only
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings

bench: ## Print the measurements
	cargo build --release --locked -p flowledger -p bench
	./target/release/flowledger-bench raw_bytes_per_row
	./target/release/flowledger-bench demo_seconds_to_console
	./target/release/flowledger-bench transcode

fmt: ## Format
	cargo fmt --all
