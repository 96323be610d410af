.PHONY: build test race lint demo smoke flakes scenarios sim campaign determinism orders walk failover known-bugs soak-verify bench referees kafka check help

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

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

smoke: build ## two scenarios and twenty seeds, one verdict: half a minute
	./logproof run --profile smoke

flakes: build ## smoke N (20) times while busy loops take twice the processors; then the tally of it
	.ci/flakes $(or $(N),20)

scenarios: ## kill N-1 of N in every order, lose a disk, restart all, kill all: two minutes
	.ci/run scenarios

sim: ## forty seeds of a simulated minute, the planted bugs, and determinism
	go test -count=1 -v ./chaos/sim

campaign: build ## SEEDS (0..4999) of a simulated minute each, in two processes: over half an hour
	@seeds=$(or $(SEEDS),0..4999); first=$${seeds%%..*} last=$${seeds##*..}; half=$$(((first + last) / 2)); ./logproof sim --seeds $$first..$$half & ./logproof sim --seeds $$((half + 1))..$$last; second=$$?; wait $$! && exit $$second

determinism: build ## one seed 200 times, on 1 and 2 processors, with and without the race detector: one trace hash
	CGO_ENABLED=1 go build -race -o logproof-race .
	@for i in $$(seq 50); do for cpus in 1 2; do for program in logproof logproof-race; do \
	GOMAXPROCS=$$cpus ./$$program sim --seed 7 --for 20s | grep 'trace hash' || exit 1; done; done; done | sort | uniq -c | awk '{ print } END { exit NR != 1 || $$1 != 200 }'

orders: ## every order of N-1 failures, simulated: RF 1, 2, 3 and 5, kills and power cuts
	LOGPROOF_TEST_LONG=1 go test -count=1 -v -run EveryOrder ./chaos/sim

walk: ## a producer, a coordinator, a leader or everybody ends after each step of a story of transactions: twenty minutes
	go test -c -o walk.test ./chaos/sim
	@cd chaos/sim; walk() { LOGPROOF_TEST_LONG=1 ../../walk.test -test.timeout 2h -test.v -test.run EveryStepOfATransaction/version=$$1; }; walk 1 & walk 2; second=$$?; wait $$! && exit $$second

failover: build ## the leader killed twenty times: tuned, with the client's defaults, with all defaults
	./logproof run leader-kill && ./logproof run leader-kill-client-defaults && ./logproof run leader-kill-defaults

known-bugs: ## plant each known bug: each must be caught, and the clean broker must stay silent
	go run . known-bugs --readme README.md

soak-verify: build ## go on counting judged records and operations without a false alarm, for FOR (30m)
	GOGC=400 ./logproof soak --for $(or $(FOR),30m)

bench: ## our broker beside kfake, same client, same run: about five minutes
	cd ci/peers && go run .

referees: kafka ## kgo's own tests, kcat and Apache Kafka's tools against three brokers, unmodified; the README's table: five minutes
	cd ci/referees && go run . $(REFEREES) --readme ../../README.md

kafka: ## Apache Kafka 4.3.1 by Maven into the folder kafka, for tests that need it: 55 MB
	.ci/kafka

check: ## everything that must hold before a change lands
	.ci/run
