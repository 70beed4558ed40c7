# ci-janitor. `make`, `make install`, `make check`, `make demo`; `make help` lists the rest.
#
#	O=DIR			where objects and programs go (default: build)
#	DEVELOPER=1		-Werror and more warnings
#	SANITIZE=address,undefined
#	STATIC=no		libinih and libmd as shared libraries
#	FRONT=no		install one program, not also a static one for short starts
#	V=1			show the commands

VERSION	 := 0.1.0

CC	 ?= cc
PKG_CONFIG ?= pkg-config
INSTALL	 ?= install
PREFIX	 ?= /usr/local
BINDIR	 ?= $(PREFIX)/bin
LIBEXECDIR ?= $(PREFIX)/libexec
DATADIR	 ?= $(PREFIX)/share
DOCDIR	 ?= $(DATADIR)/doc/ci-janitor
EXAMPLEDIR ?= $(DOCDIR)/examples
LICENSEDIR ?= $(DOCDIR)
MANDIR	 ?= $(DATADIR)/man
BASHDIR	 ?= $(DATADIR)/bash-completion/completions
ZSHDIR	 ?= $(DATADIR)/zsh/site-functions
FISHDIR	 ?= $(DATADIR)/fish/vendor_completions.d
# Empty: where there is no systemd.
UNITDIR	 ?= $(PREFIX)/lib/systemd/system
TMPFILESDIR ?= $(PREFIX)/lib/tmpfiles.d
SYSCONFDIR ?= /etc
DESTDIR	 ?=
O	 ?= build

CFLAGS	 ?= -O2 -g
WARNINGS := -Wall -Wextra -Wformat=2 -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	    -Wpointer-arith -Wwrite-strings -Wundef -Wvla
ifeq ($(DEVELOPER),1)
WARNINGS += -Werror -Wconversion -Wno-sign-conversion -Wold-style-definition \
	    -Wmissing-declarations -Wredundant-decls -Wnested-externs -Wswitch-enum \
	    -Wimplicit-fallthrough -Wcast-qual
endif
HARDENING := -fPIE -fstack-protector-strong -fstack-clash-protection
HARDENING_LD := -pie -Wl,-z,relro,-z,now,-z,noexecstack
# The last word on it: distributions' CPPFLAGS ask for less.
FORTIFY	 :=
ifeq ($(SANITIZE),)
FORTIFY	 += -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
else
HARDENING += -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer
HARDENING_LD += -fsanitize=$(SANITIZE)
endif

# Some are loaded at first use (include/base/library.h): headers only, no -l. The two that every
# start needs become part of the program where there are archives fit for that: each shared library
# costs a start some 35 us.
LINKED	 := inih libmd
ARCHIVES := -l:libinih.a -l:libmd.a
ARCHIVES_FIT = echo 'int main(void) { return 0; }' | $(CC) -fPIE $(HARDENING_LD) $(LDFLAGS) \
	       -Wl,-u,ini_parse_stream,-u,SHA256Update -x c -o /dev/null - $(ARCHIVES)
STATIC	 ?= $(shell $(ARCHIVES_FIT) 2>/dev/null && echo yes || echo no)
LOADED	 := libcap-ng libcurl jansson

# src/front.c: a static program in front of the whole one, where there are archives for it, and no
# packager who wants none of them. Asked when it is first needed.
FRONT_ARCHIVES := $(ARCHIVES) -l:libjansson.a
FRONT_LD  = -static-pie $(HARDENING_LD:-pie=)
FRONT_FITS = printf '%s\n' '\#ifndef __x86_64__' '\#error' '\#endif' 'int main(void) { return 0; }' | \
	     $(CC) -fPIE $(FRONT_LD) $(LDFLAGS) -Wl,-u,ini_parse_stream,-u,SHA256Update,-u,json_loads \
	     -x c -o /dev/null - $(FRONT_ARCHIVES)
FRONT	 ?= $(eval FRONT := $$(if $$(SANITIZE)$$(STANDALONE)$$(filter-out yes,$$(STATIC)),no,$$(shell \
	    $$(FRONT_FITS) 2>/dev/null && echo yes || echo no)))$(FRONT)

TESTED	 := cunit

# STANDALONE=FOLDER: a static program, with the libcurl that is installed there (packaging/image/build.sh).
STANDALONE ?=
ifneq ($(STANDALONE),)
LINKED	 += libcap-ng jansson
LOADED	 :=
STATIC	 := no
HARDENING += -DLIBRARIES_LINKED -isystem $(STANDALONE)/include -ffunction-sections
HARDENING_LD := -static-pie -Wl,--gc-sections $(HARDENING_LD:-pie=)
endif

# pkg-config is asked once, and not at all for targets that build nothing.
PKG_CFLAGS = $(eval PKG_CFLAGS := $$(shell $(PKG_CONFIG) --cflags $(LINKED) $(LOADED)))$(PKG_CFLAGS)
LINK_LIBS  = $(if $(filter yes,$(STATIC)),$(ARCHIVES),$(shell $(PKG_CONFIG) --libs $(LINKED)))
PKG_LIBS   = $(eval PKG_LIBS := $$(LINK_LIBS) $(STANDALONE:%=%/lib/libcurl.a) -ldl)$(PKG_LIBS)
CUNIT_LIBS = $(eval CUNIT_LIBS := $$(shell $(PKG_CONFIG) --libs $(TESTED) jansson libcap-ng))$(CUNIT_LIBS)

# The same bytes wherever it is built: no folder's name gets into the program.
BASE_CFLAGS = -std=gnu11 -D_GNU_SOURCE -DCI_JANITOR_VERSION='"$(VERSION)"' -Iinclude \
	      -ffile-prefix-map='$(CURDIR)'=. $(WARNINGS) $(HARDENING) $(PKG_CFLAGS)
SRC_CFLAGS  = $(BASE_CFLAGS) -include base/banned.h $(COVERAGE)
TEST_CFLAGS = $(BASE_CFLAGS) -Itests -DBUILD_DIR='"$(abspath $(O))"' \
	      -DSOURCE_DIR='"$(CURDIR)"'

ROOMS	 := base model kernel config lock engine reap run report commands
SOURCES	 := $(foreach room,$(ROOMS),$(sort $(wildcard src/$(room)/*.c)))
OBJECTS	 := $(SOURCES:%.c=$(O)/%.o)
LIBRARY	 := $(O)/libci-janitor.a
PROGRAM	 := $(O)/ci-janitor
HARNESS	 := $(patsubst %.c,$(O)/%.o,$(sort $(wildcard tests/harness/*.c)))
LAYERS	 := unit fuzz manual kernel engine swarm torture crash units
TEST_PROGRAMS := $(LAYERS:%=$(O)/check-%)

Q	 = $(if $(V),,@)
say	 = $(if $(V),,@printf '  %-8s %s\n' '$(1)' '$(2)')

.SECONDEXPANSION:
.PHONY: all
all: $(PROGRAM) $$(FRONT_PROGRAM)

$(PROGRAM): $(O)/src/main.o $(LIBRARY)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(HARDENING_LD) $(LDFLAGS) -o $@ $^ $(PKG_LIBS)

# Its objects stand before the library's, which so aren't taken from there.
WHOLE	 := $(LIBEXECDIR)/ci-janitor/ci-janitor
FRONT_DIR := $(O)/front
FRONT_PROGRAM = $(if $(filter yes,$(FRONT)),$(FRONT_DIR)/ci-janitor)
FRONT_OBJECTS := $(patsubst %.c,$(FRONT_DIR)/%.o,src/front.c src/engine/json.c src/report/json_tree.c)

$(FRONT_DIR)/ci-janitor: $(FRONT_OBJECTS) $(O)/src/main.o $(LIBRARY)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(FRONT_LD) $(LDFLAGS) -Wl,-e,front_start -o $@ $^ $(FRONT_ARCHIVES)

$(FRONT_DIR)/%.o: %.c $(O)/.flags $(FRONT_DIR)/.whole
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(SRC_CFLAGS) $(CFLAGS) $(CPPFLAGS) $(FORTIFY) -DLIBRARIES_LINKED \
		-DWHOLE_PROGRAM='"$(WHOLE)"' -MMD -MP -c -o $@ $<

# `make install` may be told of another folder.
$(FRONT_DIR)/.whole: FORCE
	$(Q)mkdir -p $(@D)
	$(Q)[ "$$(cat $@ 2>/dev/null)" = '$(WHOLE)' ] || echo '$(WHOLE)' >$@

# What stands in BINDIR after `make install`, for the program of this folder: for tests.
.PHONY: in-place
in-place: $(PROGRAM)
	$(Q)mkdir -p $(O)/in-place
	$(Q)$(if $(FRONT_PROGRAM),$(MAKE) --no-print-directory FRONT_DIR=$(O)/in-place \
		WHOLE=$(abspath $(PROGRAM)) $(O)/in-place/ci-janitor,ln -sf ../ci-janitor $(O)/in-place/ci-janitor)

$(LIBRARY): $(OBJECTS)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(O)/src/%.o: src/%.c $(O)/.flags
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(SRC_CFLAGS) $(CFLAGS) $(CPPFLAGS) $(FORTIFY) -MMD -MP -c -o $@ $<

$(O)/tests/%.o: tests/%.c $(O)/.flags
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(TEST_CFLAGS) $(CFLAGS) $(CPPFLAGS) $(FORTIFY) -MMD -MP -c -o $@ $<

# Other flags, other objects: a build with SANITIZE= after one without must not mix.
.PHONY: FORCE
$(O)/.flags: FORCE
	$(Q)mkdir -p $(O)
	$(Q)printf '%s\n' '$(CC) $(subst ','\'',$(SRC_CFLAGS) $(CFLAGS) $(CPPFLAGS) $(FORTIFY))' >$@.$$$$; \
		if cmp -s $@.$$$$ $@; then rm -f $@.$$$$; else mv $@.$$$$ $@; fi

define test_layer
$(O)/check-$(1): $(patsubst %.c,$(O)/%.o,$(sort $(wildcard tests/$(1)/*.c))) $(HARNESS) $(LIBRARY)
	$$(call say,LINK,$$@)
	$$(Q)$$(CC) $$(CFLAGS) $$(HARDENING_LD) $$(LDFLAGS) -o $$@ $$^ $$(PKG_LIBS) $$(CUNIT_LIBS)

.PHONY: check-$(1)
check-$(1): $(O)/check-$(1) $(PROGRAM)
	$$(Q)$(O)/check-$(1)
endef
$(foreach layer,$(LAYERS),$(eval $(call test_layer,$(layer))))

check-kernel: in-place

# Stories on a swarm of several nodes, told with the words of those on one. By hand.
$(eval $(call test_layer,nodes))
$(O)/check-nodes: $(patsubst %,$(O)/tests/swarm/%.o,fixture runs checks)
check-nodes: image

# tests/fuzz/README.md. By hand, with clang: make fuzz FUZZ=config TIME=600; FUZZ=all runs each so long.
FUZZ	 ?= all
TIME	 ?= 60
FUZZ_TARGETS := $(patsubst tests/fuzz/target_%.c,%,$(sort $(wildcard tests/fuzz/target_*.c)))
FUZZERS	 := $(FUZZ_TARGETS:%=$(O)/fuzz-%)
$(FUZZERS): $(O)/fuzz-%: $(O)/tests/fuzz/target_%.o $(O)/tests/fuzz/fuzz.o $(O)/tests/fuzz/world.o \
		$(O)/tests/fuzz/libfuzzer/entry.o $(filter-out %/harness.o,$(HARNESS)) $(LIBRARY)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(HARDENING_LD) -fsanitize=fuzzer $(LDFLAGS) -o $@ $^ $(PKG_LIBS)

.PHONY: fuzz fuzz-minimise
fuzz fuzz-minimise:
	$(Q)$(MAKE) --no-print-directory CC=clang O=$(O)/fuzz \
		SANITIZE=fuzzer-no-link,address,undefined \
		$(patsubst %,$(O)/fuzz/fuzz-%,$(if $(filter all,$(FUZZ)),$(FUZZ_TARGETS),$(FUZZ)))
	$(Q)tests/fuzz/fuzz.sh $@ $(O)/fuzz $(TIME) $(if $(filter all,$(FUZZ)),$(FUZZ_TARGETS),$(FUZZ))

# What the fuzzers draw worlds with, the unit tests do, too.
$(O)/check-unit: $(O)/tests/fuzz/world.o

# The torture's programs, and the same ones with what tests/torture/broken does to the C library.
BREAK	 := -Wl,--wrap=fstat,--wrap=fstatat,--wrap=unlinkat,--wrap=close,--wrap=flock
BROKEN	 := $(O)/tests/torture/broken/broken.o
TORTURE_LIBRARY := $(patsubst %.c,$(O)/%.o,$(sort $(wildcard tests/torture/library/*.c))) \
		   $(filter-out %/harness.o,$(HARNESS)) $(LIBRARY)
TORTURE_PROGRAM := $(patsubst %.c,$(O)/%.o,$(filter-out %/command.c,\
			$(sort $(wildcard tests/torture/program/*.c)))) \
		   $(O)/tests/torture/library/oracle.o $(O)/tests/torture/library/random.o \
		   $(filter-out %/harness.o,$(HARNESS))
TORTURERS := $(O)/torture-library $(O)/torture-library-broken $(O)/torture-program \
	     $(O)/torture-command $(O)/ci-janitor-broken

$(O)/torture-library: $(TORTURE_LIBRARY)
$(O)/torture-library-broken: $(TORTURE_LIBRARY) $(BROKEN)
$(O)/torture-program: $(TORTURE_PROGRAM)
$(O)/torture-command: $(O)/tests/torture/program/command.o
$(O)/ci-janitor-broken: $(O)/src/main.o $(LIBRARY) $(BROKEN)
$(O)/%-broken: HARDENING_LD += $(BREAK)
$(TORTURERS):
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(HARDENING_LD) $(LDFLAGS) -o $@ $^ $(PKG_LIBS)

check-torture: $(TORTURERS)

# What tests/crash runs as a job, a ci-janitor with mistakes, and the names of the system calls.
CRASHING := $(O)/ci-janitor-crashing
$(CRASHING): $(O)/src/main.o $(O)/tests/crash/broken/broken.o $(LIBRARY)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(HARDENING_LD) $(LDFLAGS) \
		-Wl,--wrap=app_lock_probe,--wrap=app_lock_need_record,--wrap=reap_targets \
		-o $@ $^ $(PKG_LIBS)

$(O)/crash-deploy: $(O)/tests/fixture/deploy.o
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(HARDENING_LD) $(LDFLAGS) -o $@ $^

$(O)/tests/crash/syscall_names.inc: $(O)/.flags
	$(Q)mkdir -p $(@D)
	$(Q)echo '#include <asm/unistd.h>' | $(CC) -dM -E - | \
		sed -n 's/^#define __NR_\([a-z0-9_]*\) \([0-9]*\)$$/[\2] = "\1",/p' >$@

$(O)/tests/crash/syscalls.o: $(O)/tests/crash/syscall_names.inc
$(O)/tests/crash/syscalls.o: TEST_CFLAGS += -I$(O)/tests/crash

check-crash: $(CRASHING) $(O)/crash-deploy

# As `make install` has it, for the machine of tests/units.
.PHONY: installed-units
installed-units: $(PROGRAM)
	$(Q)rm -rf $(O)/units
	$(Q)$(MAKE) --no-print-directory install PREFIX=/usr/local DESTDIR=$(abspath $(O))/units >/dev/null
check-units: installed-units

# tests/bench/README.md. Figures are taken on an idle machine; check-bench only sees that it works.
BENCHES	 := $(patsubst tests/bench/%.c,$(O)/bench-%,$(sort $(wildcard tests/bench/*.c)))
$(BENCHES): $(O)/bench-%: $(O)/tests/bench/%.o
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(HARDENING_LD) $(LDFLAGS) -o $@ $^ $(BENCH_LIBS)
$(O)/bench-leases: $(LIBRARY)
$(O)/bench-simulated $(O)/bench-simulated_leases: $(O)/tests/harness/http_server.o
$(O)/bench-leases: BENCH_LIBS = $(PKG_LIBS)

.PHONY: bench check-bench
bench: $(PROGRAM) in-place $(BENCHES)
	$(Q)tests/bench/bench.py $(O)
check-bench: $(PROGRAM) in-place $(BENCHES)
	$(Q)tests/bench/bench.py $(O) --smoke --results $(O)/bench-results

.PHONY: deps deps-test check check-layers check-headers check-model demo install uninstall
deps:
	$(Q)tests/tools/install-deps.sh
deps-test:
	$(Q)tests/tools/install-deps.sh test

check-layers:
	$(Q)tests/tools/check-layers.sh && tests/tools/check-layers.sh self-test

check-headers:
	$(Q)CC='$(CC)' PKG_CONFIG='$(PKG_CONFIG)' tests/tools/check-headers.sh

# Two minutes; `tests/model/check.sh --large` takes more of everything.
check-model:
	$(Q)CC='$(CC)' tests/model/check.sh

# All that the layers run, so that two layers don't build at the same time.
.PHONY: check-programs
check-programs: $(PROGRAM) $$(FRONT_PROGRAM) in-place $(TEST_PROGRAMS) $(TORTURERS) $(CRASHING) $(O)/crash-deploy $(BENCHES)

# The layers that a sanitizer has something to say of, in a build of their own.
SANITIZED := unit fuzz engine kernel
.PHONY: check-sanitize sanitize-programs
sanitize-programs:
	$(Q)$(MAKE) --no-print-directory O=$(O)/sanitize SANITIZE=address,undefined \
		$(SANITIZED:%=$(O)/sanitize/check-%) $(O)/sanitize/ci-janitor
check-sanitize:
	$(Q)set -e; for layer in $(SANITIZED); do $(MAKE) --no-print-directory O=$(O)/sanitize \
		SANITIZE=address,undefined check-$$layer; done

.PHONY: check-valgrind
check-valgrind: $(PROGRAM)
	$(Q)tests/tools/check-valgrind.sh $(PROGRAM)

# By hand: what compilers and linters say of the code, in some minutes; and which lines of it the
# tests reach, but for processes that are killed. gcov locks files: one test of the kernel layer,
# which sees locks that are taken, fails in it.
.PHONY: analyze coverage
analyze:
	$(Q)CC='$(CC)' PKG_CONFIG='$(PKG_CONFIG)' tests/tools/analyze.sh
COVERING  = O=$(O)/coverage FRONT=no CFLAGS='-Og -g' COVERAGE=--coverage \
	    LDFLAGS='-fprofile-arcs -Wl,--wrap=_exit,--wrap=__gcov_execve $(abspath $(O))/coverage/exit.o'
COVERED	 := unit fuzz manual engine kernel swarm
# Those who run as other users write into the files that are there.
coverage:
	$(Q)! [ -d $(O)/coverage ] || find $(O)/coverage -name '*.gcda' -delete
	$(Q)mkdir -p $(O)/coverage && $(CC) -c -o $(O)/coverage/exit.o tests/tools/gcov_exit.c
	$(Q)$(MAKE) --no-print-directory $(COVERING) all
	$(Q)$(O)/coverage/ci-janitor --version && find $(O)/coverage -name '*.gcda' -exec chmod 666 {} +
	$(Q)for layer in $(COVERED); do GCOV_ERROR_FILE=/dev/null \
		$(MAKE) --no-print-directory $(COVERING) check-$$layer || :; done
	$(Q)gcovr --root . --object-directory $(O)/coverage --filter src/ --print-summary

# The CI recipes, played on a real engine.
.PHONY: check-recipes
check-recipes: $(PROGRAM)
	$(Q)tests/recipes/check-recipes.py $(O)

# The protocol's picture is drawn from a text.
PICTURE	 := packaging/doc/protocol.svg
DRAW	 = mscgen -T svg -i $(PICTURE:.svg=.msc) -o - | \
	   sed '/text-rendering=/a<rect width="100%" height="100%" fill="white"/>'
.PHONY: picture check-picture
picture:
	$(Q)$(DRAW) >$(PICTURE)
check-picture:
	$(Q)$(DRAW) | cmp - $(PICTURE)

# In the order in which they begin, two at a time; the long ones first.
CHECKED	 := model swarm kernel sanitize packages units torture crash recipes bench engine \
	    valgrind unit fuzz manual layers headers picture
# Makes of their own: only after the installation does pkg-config know the flags.
check: deps-test
	$(Q)$(MAKE) --no-print-directory -j2 check-programs
	$(Q)$(MAKE) --no-print-directory -j2 sanitize-programs
	$(Q)MAKE='$(MAKE)' tests/tools/check.sh $(O)/check $(CHECKED)

# `make dist`, `make install` and the Debian package; check-packages-all by hand: the others, too.
.PHONY: check-packages check-packages-all
check-packages:
	$(Q)tests/packages/check-packages.sh
check-packages-all:
	$(Q)tests/packages/check-packages.sh all

# By hand: Debian's engines, from systems that debootstrap makes; README=1 puts the table there.
.PHONY: check-engines
check-engines: $(O)/check-swarm $(PROGRAM)
	$(Q)README='$(README)' tests/engines/check-engines.sh $(O)

# By hand: the README's commands in an empty Debian 12 and 13, as a new user would try them.
.PHONY: check-newuser
check-newuser:
	$(Q)tests/newuser/check-newuser.sh

# By hand: more of the rounds that CI plays a few of; SEED=N repeats.
ROUNDS	 ?= 500
.PHONY: check-rounds
check-rounds: $(O)/check-swarm $(PROGRAM)
	$(Q)ROUNDS=$(ROUNDS) SEED=$(SEED) $(O)/check-swarm swarm_rounds

# By hand, since Prometheus is much to install: the metrics, the alerts and the dashboard there.
.PHONY: check-metrics
check-metrics: $(PROGRAM)
	$(Q)tests/metrics/check-metrics.sh $(PROGRAM)

# By hand: how long sweeps take, as tests/swarm/README.md states it.
.PHONY: check-figures
check-figures: $(PROGRAM)
	$(Q)tests/swarm/figures.sh $(O)

# What runs on other nodes: README.md, "More than one node".
.PHONY: image
image: deps
	$(Q)packaging/image/build.sh $(O)

demo: deps-test
	$(Q)$(MAKE) --no-print-directory all
	$(Q)CC='$(CC)' tests/demo.sh $(PROGRAM)

# What is installed where, as MODE:FILE:DESTINATION.
MANUALS	 := $(sort $(wildcard packaging/man/*.[1-8]))
INSTALLED = \
	755:$(or $(FRONT_PROGRAM),$(PROGRAM)):$(BINDIR)/ci-janitor \
	$(if $(FRONT_PROGRAM),755:$(PROGRAM):$(WHOLE)) \
	$(foreach page,$(MANUALS),644:$(page):$(MANDIR)/man$(subst .,,$(suffix $(page)))/$(notdir $(page))) \
	644:packaging/completions/ci-janitor.bash:$(BASHDIR)/ci-janitor \
	644:packaging/completions/_ci-janitor:$(ZSHDIR)/_ci-janitor \
	644:packaging/completions/ci-janitor.fish:$(FISHDIR)/ci-janitor.fish \
	644:README.md:$(DOCDIR)/README.md \
	644:CHANGELOG.md:$(DOCDIR)/CHANGELOG.md \
	644:LICENSE:$(LICENSEDIR)/LICENSE \
	644:conf/ci-janitor.conf:$(EXAMPLEDIR)/ci-janitor.conf \
	$(foreach file,$(sort $(wildcard packaging/doc/*.md packaging/doc/*.svg)),644:$(file):$(DOCDIR)/$(notdir $(file))) \
	$(foreach file,$(sort $(wildcard packaging/prometheus/* packaging/grafana/*)),644:$(file):$(EXAMPLEDIR)/$(notdir $(file))) \
	$(foreach file,$(sort $(wildcard packaging/ci/*)),644:$(file):$(EXAMPLEDIR)/ci/$(notdir $(file)))
CONFIG	 := $(SYSCONFDIR)/ci-janitor/ci-janitor.conf
UNITS	 := $(patsubst packaging/systemd/%.in,$(O)/systemd/%,$(wildcard packaging/systemd/*.service.in))
ifneq ($(UNITDIR),)
INSTALLED += \
	$(foreach unit,$(UNITS) $(sort $(wildcard packaging/systemd/*.timer)),644:$(unit):$(UNITDIR)/$(notdir $(unit))) \
	644:packaging/systemd/ci-janitor.tmpfiles:$(TMPFILESDIR)/ci-janitor.conf
endif

# Made anew each time, since BINDIR may be another one than last time.
$(UNITS): $(O)/systemd/%: packaging/systemd/%.in packaging/systemd/sandbox.in FORCE
	$(Q)mkdir -p $(@D)
	$(Q)sed -e 's|@BINDIR@|$(BINDIR)|' -e '/@SANDBOX@/{r packaging/systemd/sandbox.in' -e 'd;}' $< >$@

# The configuration is the administrator's: neither replaced nor, when it says anything, removed.
install: $(PROGRAM) $$(FRONT_PROGRAM) $(UNITS)
	$(Q)set -e; for entry in $(INSTALLED); do \
		mode=$${entry%%:*} file=$${entry#*:}; \
		printf '  INSTALL  %s\n' '$(DESTDIR)'"$${file#*:}"; \
		$(INSTALL) -D -m $$mode "$${file%%:*}" '$(DESTDIR)'"$${file#*:}"; done
	$(Q)[ -e '$(DESTDIR)$(CONFIG)' ] || \
		$(INSTALL) -D -m 644 conf/ci-janitor.conf '$(DESTDIR)$(CONFIG)'

uninstall:
	$(Q)for entry in $(INSTALLED); do rm -f '$(DESTDIR)'"$${entry##*:}"; done
	$(Q)! cmp -s conf/ci-janitor.conf '$(DESTDIR)$(CONFIG)' || rm -f '$(DESTDIR)$(CONFIG)'
	$(Q)for folder in '$(EXAMPLEDIR)/ci' '$(EXAMPLEDIR)' '$(LICENSEDIR)' '$(DOCDIR)' '$(dir $(WHOLE))' '$(dir $(CONFIG))'; do \
		[ ! -d '$(DESTDIR)'"$$folder" ] || \
			rmdir --ignore-fail-on-non-empty '$(DESTDIR)'"$$folder"; done

# The program is not linked with what it loads at first use; this object is, by every function that
# is looked up. Packagers' tools read the dependencies off it, the linker misses no function.
.PHONY: loaded
loaded: $(O)/loaded.so
$(O)/loaded.so: $(SOURCES) $(O)/.flags
	$(Q)grep -oh 'LIBRARY_SYMBOL([^)]*)' $(SOURCES) | sort -u | \
		sed 's/.*(\(.*\))/extern char \1[]; const char *use_\1 = \1;/' >$(O)/loaded.c
	$(Q)$(CC) -w -shared -fPIC -Wl,-z,defs -o $@ $(O)/loaded.c $$($(PKG_CONFIG) --libs $(LOADED))

# Releases and packages: packaging/README.md. The same commit makes the same bytes.
DIST	 := ci-janitor-$(VERSION)
.PHONY: dist
dist:
	$(Q)git diff --quiet HEAD || { echo "make dist: there are changes that are not committed" >&2; exit 1; }
	$(Q)mkdir -p $(O)
	$(Q)git -c tar.umask=0022 archive --prefix=$(DIST)/ -o $(O)/$(DIST).tar HEAD
	$(call say,DIST,$(O)/$(DIST).tar.gz)
	$(Q)gzip -9nf $(O)/$(DIST).tar

PACKAGES := deb rpm arch alpine
.PHONY: $(PACKAGES)
$(PACKAGES): dist
	$(Q)packaging/build.sh $@ $(O)/$(DIST).tar.gz $(O)/$@

.PHONY: help
help:
	@sed -n 's/^# \{0,1\}//p;/^$$/q' Makefile

.PHONY: clean
clean:
	rm -rf $(O)

-include $(OBJECTS:.o=.d) $(O)/src/main.d $(FRONT_OBJECTS:.o=.d) $(HARNESS:.o=.d)
-include $(foreach layer,$(LAYERS) nodes,$(patsubst %.c,$(O)/%.d,$(wildcard tests/$(layer)/*.c)))
-include $(patsubst %.c,$(O)/%.d,$(wildcard tests/torture/*/*.c tests/fuzz/libfuzzer/*.c))
-include $(patsubst %.c,$(O)/%.d,$(wildcard tests/bench/*.c))
-include $(O)/tests/crash/broken/broken.d $(O)/tests/fixture/deploy.d
