# funnel: builds with PGXS against PostgreSQL 14 to 18. `make help` lists the targets.

EXTENSION   = funnel
MODULE_big  = funnel
EXTVERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'.*/\1/p" funnel.control)

# The module: every src/*.c.
OBJS := $(patsubst %.c,%.o,$(sort $(wildcard src/*.c)))

# The install script: the numbered parts in the order of their names.
SQL_PARTS := $(sort $(wildcard sql/[0-9][0-9]-*.sql))
DATA_built = sql/$(EXTENSION)--$(EXTVERSION).sql
DATA      := $(wildcard sql/$(EXTENSION)--*--*.sql)

# The tests that `make installcheck` runs in the server it finds running.
REGRESS := $(sort $(patsubst test/sql/%.sql,%,$(wildcard test/sql/*.sql)))
REGRESS_OPTS = --inputdir=test --load-extension=$(EXTENSION)
ifneq ($(wildcard test/specs/*.spec),)
ISOLATION := $(sort $(patsubst test/specs/%.spec,%,$(wildcard test/specs/*.spec)))
ISOLATION_OPTS = --inputdir=test --load-extension=$(EXTENSION)
endif

# The server's headers are system headers to us, so that only our own code is held to -Wextra;
# a function called by SQL need not look at its arguments.
PG_CPPFLAGS = -isystem $(shell $(PG_CONFIG) --includedir-server)
PG_CFLAGS = -Wall -Wextra -Wno-unused-parameter
# results are the same to the bit on every machine: no multiplication and addition fused where a processor can
PG_CFLAGS += -ffp-contract=off
ifeq ($(WERROR),1)
PG_CFLAGS += -Werror
endif
# PGXS hands gcc's flags to other compilers too.
PG_CFLAGS += $(if $(findstring clang,$(CC)),-Wno-unknown-warning-option -Wno-ignored-optimization-argument)

EXTRA_CLEAN = src/.flags src/.parts build

.DEFAULT_GOAL := all
.PHONY: help prepare test demo bench

PG_CONFIG ?= pg_config
PGXS := $(wildcard $(shell $(PG_CONFIG) --pgxs 2>/dev/null))

ifneq ($(PGXS),)

# A server built with LLVM wants bitcode, which needs its clang; without that clang the module is complete
# without bitcode.
PGXS_CLANG := $(shell sed -n 's/^CLANG *= *//p' $(dir $(PGXS))../Makefile.global)
ifeq ($(shell command -v '$(PGXS_CLANG)' 2>/dev/null),)
override with_llvm = no
endif

include $(PGXS)

$(DATA_built): $(SQL_PARTS) src/.parts
	cat $(SQL_PARTS) > $@.tmp && mv $@.tmp $@

# Objects follow the headers, and the server, compiler and flags they were made for; what is joined from parts
# follows the list of parts.
$(OBJS) $(OBJS:.o=.bc): $(wildcard src/*.h) src/.flags
$(MODULE_big)$(DLSUFFIX): src/.parts

# Files that change only when what they record does.
src/.flags: RECORD = $(VERSION) $(CC) $(CFLAGS) $(CPPFLAGS)
src/.parts: RECORD = $(OBJS) $(SQL_PARTS)
src/.flags src/.parts: FORCE
	@printf '%s\n' '$(subst ','\'',$(RECORD))' | cmp -s - $@ || printf '%s\n' '$(subst ','\'',$(RECORD))' > $@

.PHONY: FORCE
FORCE:

else

.PHONY: all install installcheck uninstall clean
all install installcheck uninstall:
	@echo "PostgreSQL's server headers are not here ('$(PG_CONFIG) --pgxs' names no file)." >&2
	@echo "'make prepare' installs them, or names what to install; PG_CONFIG=/path/to/pg_config selects a server." >&2
	@exit 1

clean:
	rm -rf src/*.o src/*.bc $(EXTENSION).so $(DATA_built) $(EXTRA_CLEAN)

endif

prepare:
	@test/prepare

test:
	@test/run

demo:
	@demo/run

bench:
	@if [ -x bench/run ]; then bench/run; else echo "there is no bench/run" >&2; exit 1; fi

help:
	@echo "make demo          see it work: a demo CRM in a throw-away cluster, and a tour of it"
	@echo "make test          run every test there is in throw-away clusters"
	@echo "make               build for the server of PG_CONFIG (default: pg_config)"
	@echo "make install       install there; then: CREATE EXTENSION funnel;"
	@echo "make installcheck  test in the running server that PGHOST, PGPORT and PGUSER name"
	@echo "make uninstall     remove what make install put there"
	@echo "make bench         measure (bench/README.md)"
	@echo "make prepare       only get what demo and test need: a compiler, a server, its headers"
	@echo "make clean         remove what was built"
	@echo "WERROR=1           turns warnings into errors; COPT=... adds compiler flags"
