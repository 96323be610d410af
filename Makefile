.DEFAULT_GOAL := help
.PHONY: build test race lint demo scenarios sim known-bugs bench check help

build: ## build ./logproof
	go build -o logproof .

test: ## run all tests
	go test ./...

race: ## run the tests of the concurrent packages with the race detector
	.ci/run race

lint: ## vet, staticcheck, gofmt, tidy go.mod
	.ci/run vet staticcheck gofmt tidy

demo: ## three brokers, a leader killed under load, judged: ten seconds
	go run . demo

scenarios: ## kill N-1 of N in every order, lose a disk, restart all, kill all: two minutes
	.ci/run scenarios

sim: ## forty seeds of a simulated minute, the planted bugs, and determinism
	go test -count=1 -v ./chaos/sim

known-bugs: ## plant each known bug: each must be caught, and the clean broker must stay silent
	go run . known-bugs

bench: ## our broker beside kfake, same client, same run: about five minutes
	cd ci/peers && go run .

check: ## everything that must hold before a change lands
	.ci/run

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
