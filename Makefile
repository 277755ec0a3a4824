.DEFAULT_GOAL := help
.PHONY: run test components check clean help

help:  ## Say what there is
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 20

run:  ## The whole plant on embedded defaults; ARGS="--for 60s --reactors 3" is passed on
	@scripts/venv
	@.venv/bin/cstr-gateway up $(ARGS)

test:  ## All tests; ARGS="-k pid" is passed on
	@scripts/test $(ARGS)

components:  ## Get the real Telegraf, InfluxDB 2 and other servers into a cache outside the tree
	@scripts/venv
	@.venv/bin/python -P -m gateway.components

check:  ## Format, lint, types, floors
	@scripts/check

clean:  ## Remove what was made: environment and caches; the plant's data stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist
