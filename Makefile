# make            the program, at artifacts/transcoder/transcoder
# make run        build and start it with CONFIG (default: the sample)
# make demo       the same, with a clip published in a loop
# make test       all tests; the last line counts them
# make test-device  what only a real GPU can prove: decode, scaling, telemetry; skipped and counted where there is none
# make bench      what the hot paths cost, and the gate on what they allocate
# make bench-rtmp the RTMP server and nginx's, side by side under the same load
# make bench-placement  1,000 streams on 100 cards: this placement, first fit, round robin, least sessions; fails where it takes a millisecond
# make replay     recorded FILES="a.flv b.flv" through the daemon, packet by packet
# make flood      thousands of idle and half-open connections against a stream on air
# make fuzz       hostile bytes for the parsers: TARGET=name, TIME=seconds for each, JOBS=targets at a time (default: all, 60, 1)
# make lint       format, scripts, file lengths
# make setup      only install what the build needs
# make simgpu     simulated GPU drivers for tests, at artifacts/simgpu
# make clean      remove what was built
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:
.DEFAULT_GOAL := build
.PHONY: build native simgpu run demo test test-device bench bench-rtmp bench-placement replay flood fuzz lint setup clean

export DOTNET_NOLOGO := 1
export DOTNET_CLI_TELEMETRY_OPTOUT := 1
# No workloads are used; the check complains where the SDK belongs to root and the builder is not root.
export DOTNET_SKIP_WORKLOAD_INTEGRITY_CHECK := 1
ifdef CI
# Leave no build servers behind.
export MSBUILDDISABLENODEREUSE := 1
export UseSharedCompilation := false
endif

CONFIG ?= appliance/transcoder.yaml
PROGRAM := artifacts/transcoder/transcoder
SHIM := artifacts/native/libtranscoder_shim.so
SIMGPU := artifacts/simgpu/libsimgpu.so
SHARED := Directory.Build.props Directory.Packages.props global.json BannedSymbols.txt .editorconfig
sources = $(shell find $(1) -type d \( -name bin -o -name obj \) -prune -o -type f -print)
TESTS := Transcoder.UnitTests Transcoder.FunctionalTests

build: $(PROGRAM)

native: $(SHIM)

$(PROGRAM): $(call sources,src) $(SHARED) $(SHIM)
	@echo "building the program: a minute or two the first time"
	@rm -rf artifacts/transcoder.new
	@dotnet publish src/Transcoder.Host -c Release --use-current-runtime -o artifacts/transcoder.new --self-contained false -v quiet
	@cp $(SHIM) artifacts/transcoder.new/
	@rm -rf artifacts/transcoder
	@mv artifacts/transcoder.new artifacts/transcoder
	@touch $@

$(SHIM): $(call sources,native/shim) artifacts/.setup-build
	@mkdir -p $(@D)
	@echo "building native/shim"
	@$(MAKE) --no-print-directory -C native/shim OUT=$(CURDIR)/$(@D)
	@touch $@

simgpu: $(SIMGPU)

# Its own make decides what is stale, so each library follows its sources.
$(SIMGPU): $(call sources,native/simgpu) artifacts/.setup-test
	@echo "building native/simgpu"
	@$(MAKE) --no-print-directory -C native/simgpu OUT=$(CURDIR)/$(@D)
	@touch $@

# The tests' own build, in the program's configuration so that the sources are compiled once.
artifacts/.tests: $(PROGRAM) $(call sources,tests benchmarks/Transcoder.LoadGenerator)
	@echo "building the tests"
	@for project in $(TESTS); do dotnet build tests/$$project -c Release -v quiet; cp $(SHIM) tests/$$project/bin/Release/net10.0/; done
	@touch $@

artifacts/.setup-%: .ci/setup
	@.ci/setup $*
	@mkdir -p artifacts && touch $@

setup: artifacts/.setup-build

run: build
	@exec $(PROGRAM) serve --config $(CONFIG)

demo: build
	@exec appliance/demo/demo $(PROGRAM) $(CONFIG)

test: artifacts/.setup-test build $(SIMGPU) artifacts/.tests artifacts/.benchmarks
	@$(ALLOCATION_GATE)
	@$(PLACEMENT)
	@.ci/test $(TESTS)

test-device: artifacts/.setup-test build $(SIMGPU) artifacts/.tests
	@ONLY='*.RealDeviceTests' .ci/test Transcoder.FunctionalTests

ALLOCATION_GATE = dotnet benchmarks/Transcoder.Benchmarks/bin/Release/net10.0/Transcoder.Benchmarks.dll gate benchmarks/allocations.json

artifacts/.benchmarks: $(PROGRAM) $(call sources,benchmarks)
	for project in Benchmarks LoadGenerator; do dotnet build benchmarks/Transcoder.$$project -c Release -v quiet; done
	@touch $@

bench: artifacts/.benchmarks
	dotnet benchmarks/Transcoder.Benchmarks/bin/Release/net10.0/Transcoder.Benchmarks.dll --filter '$(or $(FILTER),*)' --artifacts artifacts/benchmarks
	@$(ALLOCATION_GATE)

# BENCH_RTMP takes the load generator's options, for example "--players 100,500,1000 --runs 3"; BENCH_MODE=stuck and BENCH_MODE=idle measure other things.
# "--judge yes" makes a bound that is missed an error. Half an hour as it stands. The publishers' part is left out where the options name players themselves.
LOAD_GENERATOR = dotnet benchmarks/Transcoder.LoadGenerator/bin/Release/net10.0/Transcoder.LoadGenerator.dll
CLIP := appliance/demo/bbb-720p30.flv
NODE_MEDIA_SERVER := artifacts/node-media-server/node_modules/node-media-server/bin/app.js
PEERS = node=$(NODE_MEDIA_SERVER) nginx=/usr/sbin/nginx
bench-rtmp: artifacts/.setup-bench artifacts/.benchmarks $(NODE_MEDIA_SERVER)
ifdef BENCH_MODE
	$(LOAD_GENERATOR) $(BENCH_MODE) $(CLIP) transcoder=$(PROGRAM) nginx=/usr/sbin/nginx --players 500 --seconds 12 $(BENCH_RTMP)
else
	@missed=0; \
	$(LOAD_GENERATOR) compare $(CLIP) low=$(PROGRAM)@low balanced=$(PROGRAM)@balanced throughput=$(PROGRAM)@throughput $(PEERS) \
		--players 100,500,1000 --runs 3 --check yes $(BENCH_RTMP) || missed=1; \
	$(if $(findstring --players,$(BENCH_RTMP)),,$(LOAD_GENERATOR) compare $(CLIP) transcoder=$(PROGRAM) $(PEERS) --runs 3 $(BENCH_RTMP) --players 0 --publishers 200 --bitrate 500000 || missed=1;) \
	exit $$missed
endif

# Pinned: a comparison is worth something only with the same peer.
$(NODE_MEDIA_SERVER):
	@npm install --silent --no-audit --no-fund --prefix artifacts/node-media-server node-media-server@4.4.3
	@touch $@

PLACEMENT = dotnet benchmarks/Transcoder.Benchmarks/bin/Release/net10.0/Transcoder.Benchmarks.dll placement

bench-placement: artifacts/.benchmarks
	$(PLACEMENT)

flood: artifacts/.tests
	FLOOD_SCALE=10 dotnet tests/Transcoder.FunctionalTests/bin/Release/net10.0/Transcoder.FunctionalTests.dll -noColor -noLogo -class "*FloodTests" -showLiveOutput

replay: artifacts/.tests
	REPLAY_FILES="$(abspath $(FILES))" dotnet tests/Transcoder.FunctionalTests/bin/Release/net10.0/Transcoder.FunctionalTests.dll -noColor -noLogo -method "*.Recorded_files_come_out_as_they_went_in" -showLiveOutput

artifacts/.fuzz: $(PROGRAM) $(call sources,tests)
	@dotnet build tests/Transcoder.Fuzz -c Release -v quiet
	@touch $@

fuzz: artifacts/.fuzz
	@.ci/fuzz $(or $(TIME),60) $(or $(JOBS),1) $(TARGET)

lint:
	@.ci/lint

clean:
	rm -rf artifacts
	find src tests benchmarks -type d \( -name bin -o -name obj \) -prune -exec rm -rf {} +
