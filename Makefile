EXTENSION = ecommerce
MODULE_big = ecommerce
OBJS = src/ecommerce.o src/access.o src/arguments.o src/statement.o \
	src/jsonb_writer.o src/order_document.o src/order_listing.o \
	src/place_order.o src/order_status.o src/order_events.o \
	src/order_integrity.o src/erase_user.o src/cart.o src/api.o src/grants.o \
	src/migrate.o
DATA = sql/ecommerce--1.0.sql sql/ecommerce--1.0--1.1.sql

# A test that exists is a test that runs: inputs are globbed, unlike what is installed.
REGRESS = $(sort $(basename $(notdir $(wildcard test/sql/*.sql))))
REGRESS_OPTS = --inputdir=test
ISOLATION = $(sort $(basename $(notdir $(wildcard test/specs/*.spec))))
ISOLATION_OPTS = --inputdir=test --outputdir=. --launcher=test/specs/launcher
TAP_TESTS = 1
PROVE_TESTS ?= test/t/*.pl
EXTRA_CLEAN = results typedefs.list src/*.indented mailer/*.indented

PG_CONFIG ?= pg_config
export PG_CONFIG

# The scripts install what they need, PostgreSQL too, so their targets do without PGXS.
ifneq ($(filter-out demo test versions soak coverage memory bench mailer,$(or $(MAKECMDGOALS),all)),)
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(or $(PGXS),$(error there is no $(PG_CONFIG): install PostgreSQL's development files))
endif

# PGXS does not track headers unless the server was built to.
$(OBJS): $(wildcard src/*.h)

.PHONY: demo test versions soak coverage memory bench mailer indent

# DATA=file.csv on the command line names a retailer's file to replay.
demo:
	@demo/run $(if $(filter command,$(origin DATA)),"$(DATA)")

test:
	@test/run

# The same with the other major versions of PostgreSQL.
versions:
	@test/versions/run

# The long form of the random tests. TIME is what each of them may take, in seconds.
TIME = 3600
soak:
	@SOAK_SECONDS=$(TIME) test/run soak

coverage:
	@test/run coverage

memory:
	@test/memory/run

bench:
	@test/bench/run

mailer:
	@$(MAKE) -C mailer

# The options are those of pgindent, and the types are those that the compiler met.
indent: all mailer
	set -e; for folder in src mailer; do \
		objdump --dwarf=info $$folder/*.o | \
			awk '/DW_TAG/ { typedef = /DW_TAG_typedef/ } typedef && /DW_AT_name/ { print $$NF }' | \
			sort -u >typedefs.list; \
		test -s typedefs.list; \
		for file in $$folder/*.[ch]; do \
			pg_bsd_indent -bad -bap -bbb -bc -bl -cli1 -cp33 -cdb -nce -d0 -di12 -nfc1 -i4 -l79 \
				-lp -lpl -nip -npro -sac -tpg -ts4 -Utypedefs.list $$file $$file.indented; \
			sed 's/^\([A-Za-z_][^ \t]*\)[ \t]*\*$$/\1 */' $$file.indented >$$file; \
			rm $$file.indented; \
		done; \
	done
