.DEFAULT_GOAL := help
.PHONY: build test race lint demo sim known-bugs bench check help

build: ## build ./logproof
	go build -o logproof .

test: ## run all tests
	go test ./...

race: ## run the tests of the concurrent packages with the race detector
	.ci/run race

lint: ## vet, staticcheck, gofmt, tidy go.mod
	.ci/run vet staticcheck gofmt tidy

demo: ## one broker, killed under load, judged: half a minute
	go run . demo

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
