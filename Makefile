# The project's commands. `make help` lists them.

.PHONY: help demo test test-web test-rust test-journeys test-a-to-d test-e-to-z web bench fmt lint compose alerts chaos chaos-reports simulate traffic fuzz

help: ## List the commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 15

demo: ## Build, get the parts, start everything; Ctrl-C stops it
	@deploy/prepare
	@$(MAKE) --no-print-directory web
	cargo build --release --locked -p flowledger
	@exec ./target/release/flowledger demo

web: ## Build the web pages that the console serves
	cd console/web && npm ci --no-audit --no-fund --loglevel=error && npm run --silent build

# Cheap first. The binary is built before the tests that start it. Most tests wait most of the time, so they run side by side.
test: ## Run everything that must pass
	@deploy/prepare --test
	cargo fmt --all --check
	$(MAKE) --no-print-directory compose alerts web
	$(MAKE) --no-print-directory --jobs 2 test-web test-rust
	$(MAKE) --no-print-directory fuzz SECONDS=60

test-web: # Of the pages that `web` has checked and made
	cd console/web && npm run --silent test && npm run --silent e2e

test-rust:
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo build --locked -p flowledger
	cargo test --workspace --locked --no-run
	$(MAKE) --no-print-directory --jobs 3 test-journeys test-a-to-d test-e-to-z

# Suites by the first letter of their names: three parts that take about as long, and none is left out.
test-journeys:
	cargo test --workspace --locked --test 'j*'

test-a-to-d: # And the unit tests
	cargo test --workspace --locked --lib --bins --test '[!e-z]*'

test-e-to-z:
	cargo test --workspace --locked --test '[e-ik-z]*'

ROUNDS ?= 1000

chaos: ## Kill and freeze ingest, broker and engine under load, ROUNDS times (SEED=n, PROTOCOL=classic or consumer)
	@deploy/prepare --test
	cargo build --locked -p flowledger
	cargo test --workspace --locked --test chaos --no-run
	@FLOWLEDGER_CHAOS_ROUNDS=$(ROUNDS) $(if $(SEED),FLOWLEDGER_CHAOS_SEED=$(SEED)) $(if $(PROTOCOL),FLOWLEDGER_CHAOS_PROTOCOL=$(PROTOCOL)) \
	  cargo test --quiet --workspace --locked --test chaos

chaos-reports: ## Kill and freeze exporters, engine, store and mail server while reports are made, ROUNDS times (SEED=n)
	@deploy/prepare --test
	cargo build --locked -p flowledger
	cargo test --workspace --locked --test chaos_reports --no-run
	@FLOWLEDGER_CHAOS_REPORTS_ROUNDS=$(ROUNDS) $(if $(SEED),FLOWLEDGER_CHAOS_REPORTS_SEED=$(SEED)) \
	  cargo test --quiet --workspace --locked --test chaos_reports

SETS ?= 2000

traffic: ## Questions about traffic against a plain evaluation, SETS of made-up events [FIRST_SET=n]
	@deploy/prepare --test
	FLOWLEDGER_TRAFFIC_SETS=$(SETS) FLOWLEDGER_TRAFFIC_FIRST_SET=$(or $(FIRST_SET),0) cargo test --locked -p clickhouse-io --test traffic

SECONDS ?= 3600

fuzz: ## Fuzz every parser of outside bytes, or TARGETS, for SECONDS each
	@tests/fuzz/run $(SECONDS) $(TARGETS)

compose: ## Check the model of docker-compose.yml
	@deploy/check-compose

alerts: ## Check the alert rules, and that each fires when it should
	@promtool check rules deploy/alerts.yml
	@promtool test rules deploy/alerts.test.yml

lint: ## Format and lints only
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings

bench: ## Print the measurements
	cargo build --release --locked -p flowledger -p bench
	./target/release/flowledger-bench raw_bytes_per_row
	./target/release/flowledger-bench demo_seconds_to_console
	cargo run --release --locked -p bench --features peers -- transcode
	./target/release/flowledger-bench ingest
	./target/release/flowledger-bench aggregator
	./target/release/flowledger-bench queries
	./target/release/flowledger-bench open_connections
	./target/release/flowledger-bench connector
	./target/release/flowledger-bench export

simulate: ## Exactly once, SEEDS=100000 runs of the simulation [FIRST_SEED=n]
	SEEDS=$(or $(SEEDS),100000) FIRST_SEED=$(or $(FIRST_SEED),0) cargo test --quiet --locked -p exactly-once --test simulation -- every_record --nocapture

fmt: ## Format
	cargo fmt --all
