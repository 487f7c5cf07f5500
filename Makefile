# The front door. Everything else is CMake (build/) and the scripts of packaging/.
BUILD := build
ROOTFS := $(BUILD)/trees

.NOTPARALLEL:
.PHONY: all build install-build install demo test bench format lint unit-tests asan rootfs deb clean

all: build

install-build:
	packaging/install-dependencies build rootfs

install:
	packaging/install-dependencies

build: install-build
	cmake -S . -B $(BUILD) -G Ninja
	cmake --build $(BUILD)

# Debian root file systems for the demonstration and the tests: made once, then taken from a cache.
rootfs: install-build
	packaging/make-rootfs debian $(ROOTFS)/debian
	packaging/make-rootfs busybox $(ROOTFS)/busybox

demo: install-build rootfs
	cmake -S . -B $(BUILD) -G Ninja
	cmake --build $(BUILD) --target litebox
	packaging/demo $(BUILD)/litebox $(ROOTFS)/debian

format: install
	packaging/lint --format

lint: unit-tests
	packaging/lint $(BUILD)

unit-tests: install build
	cmake --build $(BUILD) --target unit_tests

# A test runs once more when it fails: engines' daemons, debuggers and shells wait for each other by the clock, and a busy host
# keeps none of them to it.
CTEST := ctest --output-on-failure --repeat until-pass:2 --test-dir

# The unit tests, under AddressSanitizer and UndefinedBehaviorSanitizer.
asan: install
	cmake -S . -B $(BUILD)-asan -G Ninja -DLITEBOX_SANITIZE=ON
	cmake --build $(BUILD)-asan --target unit_tests
	$(CTEST) $(BUILD)-asan --parallel 2 --label-regex '^unit$$'

test: format lint asan rootfs
	$(CTEST) $(BUILD) --parallel 2 --label-regex '^(unit|syscalls|security)$$'
	$(CTEST) $(BUILD) --label-regex '^(integration|engines)$$'

# Beside native, crun, runc and what else is installed: on an idle machine only.
# With SOFTWARE=TREE, a tree of packaging/make-rootfs software, its compilers, interpreters and servers, too. With SCALING=1, what
# one more container, guest or process costs, too.
bench: build rootfs
	python3 tests/bench/bench.py --build $(BUILD) --tree $(ROOTFS)/debian $(if $(SOFTWARE),--software $(SOFTWARE)) --json $(BUILD)/bench.json
	$(if $(SCALING),python3 tests/bench/scaling.py --build $(BUILD) --json $(BUILD)/scaling.json)

# The Debian packages, in build/packages. They are checked by lintian, where that is installed.
deb: install-build
	cmake -S . -B $(BUILD) -G Ninja
	cmake --build $(BUILD) --target litebox containerd-shim-litebox-v2
	packaging/make-deb $(BUILD) $(BUILD)/packages
	! command -v lintian || lintian --fail-on error $(BUILD)/packages/*.deb

clean:
	rm -rf $(BUILD) $(BUILD)-asan
