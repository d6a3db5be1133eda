# The verbs of the house; each is one command that can be typed without make.
.PHONY: native build test test-gpu bench fixtures format check clean

native:      ## the C library over libtorch: build/native/libguanxi_torch.so
	eng/prepare.sh native

build:       ## the native library and the program
	eng/prepare.sh program

test:        ## every test; `make test FILTER=Lora` runs some
	./test $(FILTER)

test-gpu:    ## the golden suite on the first CUDA device
	GUANXI_TEST_DEVICE=cuda ./test $(FILTER)

bench:       ## micro-benchmarks; whole runs are measured by `./guanxi bench`
	dotnet run -c Release --project bench/Guanxi.Benchmarks -- --filter '*'

fixtures:    ## makes the reference outputs again; needs Python and the libraries that tools/fixtures names
	python3 tools/fixtures/make_all.py

format:      ## rewrites the sources in house style
	dotnet format Guanxi.slnx

check:       ## what CI runs
	.ci/run

clean:       ## removes everything that was built
	rm -rf build src/*/bin src/*/obj tests/*/bin tests/*/obj bench/*/bin bench/*/obj
