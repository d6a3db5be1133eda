# The verbs of the house; each is one command that can be typed without make.
.PHONY: native build publish release pack test test-gpu bench fixtures format check clean

native:      ## the C library over libtorch: build/native/libguanxi_torch.so
	eng/prepare.sh native

build:       ## the native library and the program
	eng/prepare.sh program

publish:     ## the program with all it needs but libtorch, to run without an SDK: build/publish
	eng/publish.sh

release:     ## the same as an archive that comes out alike wherever it is made, its hash and bill of materials: build/release
	eng/release.sh

pack: native ## NuGet packages of the three libraries, the native one inside: build/packages
	dotnet pack src/Guanxi.Relations -c Release -o build/packages --nologo
	dotnet pack src/Guanxi.Transformers -c Release -o build/packages --nologo
	dotnet pack src/Guanxi.Torch -c Release -o build/packages --nologo

test:        ## every test; `make test FILTER=Lora` runs some
	./test $(FILTER)

test-gpu:    ## the golden suite on the first CUDA device
	GUANXI_TEST_DEVICE=cuda ./test $(FILTER)

bench:       ## every figure that a command measures, as a page
	./guanxi bench all --report runs/results.html

fixtures:    ## makes the reference outputs again; needs Python and the libraries that tools/fixtures names
	set -e; for script in tools/fixtures/make_*.py; do python3 "$$script"; done

format:      ## rewrites the sources in house style
	dotnet format Guanxi.slnx

check:       ## what CI runs
	.ci/run

clean:       ## removes everything that was built
	rm -rf build src/*/bin src/*/obj tests/*/bin tests/*/obj
