EXTENSION = ecommerce
MODULE_big = ecommerce
OBJS = src/ecommerce.o src/statement.o src/arguments.o src/json_text.o src/jsonb_writer.o \
	src/access.o src/tables.o src/users.o \
	src/texts.o src/money.o src/addresses.o src/order_lifecycle.o src/stock.o src/tills.o src/order_lines.o \
	src/order_adjustments.o src/checkout.o src/problems.o src/limits.o src/shipping.o \
	src/discounts.o src/taxes.o src/pricing.o \
	src/order_history.o src/order_lock.o src/order_balances.o src/order_returns.o src/cancellation.o \
	src/order_document.o src/cart_document.o src/order_reader.o \
	src/cart.o src/cart_choices.o src/merge_carts.o src/abandoned_carts.o src/profile.o \
	src/order_again.o src/place_order.o src/order_listing.o src/order_status.o src/desk.o \
	src/payments.o src/expire_unpaid_orders.o src/returns.o src/receive_stock.o src/split_stock.o src/promotions.o src/outbox.o src/outbox_metrics.o \
	src/import_orders.o src/archive_orders.o src/ids_of_shard.o src/transfer_stock.o \
	src/erase_user.o src/order_integrity.o src/grants.o src/migrate.o \
	src/set_owner.o src/distribute.o
# Ours are ours: another library's global function of the same name would take over.
SHLIB_LINK = -Wl,-Bsymbolic

# What is installed of the present version is built from what sql/ shows of it. The
# migrations of the upgrade are those that the version before did not have.
here := $(dir $(lastword $(MAKEFILE_LIST)))
EXTVERSION := $(shell sed -n "s/^default_version = '\(.*\)'/\1/p" $(here)ecommerce.control)
RELEASED = sql/ecommerce--1.0.sql sql/ecommerce--1.0--1.1.sql
DATA = $(RELEASED) sql/ecommerce_plproxy.sql
UPGRADE = sql/upgrades/1.1--$(EXTVERSION).sql
MIGRATIONS = sql/migrations/001.sql sql/migrations/002.sql sql/migrations/003.sql sql/migrations/004.sql
NEW_MIGRATIONS = $(MIGRATIONS)
FUNCTIONS = sql/functions/migrate.sql sql/functions/set_owner.sql sql/functions/distribute.sql \
	sql/functions/access.sql sql/functions/money.sql \
	sql/functions/cart.sql sql/functions/cart_choices.sql \
	sql/functions/merge_carts.sql sql/functions/abandoned_carts.sql sql/functions/profile.sql \
	sql/functions/order_again.sql sql/functions/place_order.sql \
	sql/functions/order_listing.sql sql/functions/order_status.sql sql/functions/desk.sql \
	sql/functions/payments.sql sql/functions/expire_unpaid_orders.sql \
	sql/functions/returns.sql \
	sql/functions/receive_stock.sql sql/functions/split_stock.sql sql/functions/promotions.sql \
	sql/functions/outbox.sql sql/functions/outbox_metrics.sql \
	sql/functions/order_integrity.sql \
	sql/functions/erase_user.sql sql/functions/import_orders.sql \
	sql/functions/archive_orders.sql sql/functions/ids_of_shard.sql \
	sql/functions/transfer_stock.sql sql/functions/grants.sql
DATA_built = sql/ecommerce--$(EXTVERSION).sql \
	$(UPGRADE:sql/upgrades/%=sql/ecommerce--%)

# A test that exists is a test that runs: inputs are globbed, unlike what is installed.
REGRESS = $(sort $(basename $(notdir $(wildcard test/sql/*.sql))))
REGRESS_OPTS = --inputdir=test
ISOLATION = $(sort $(basename $(notdir $(wildcard test/specs/*.spec))))
ISOLATION_OPTS = --inputdir=test --outputdir=. --launcher=test/specs/launcher
TAP_TESTS = 1
PROVE_TESTS ?= test/t/*.pl
EXTRA_CLEAN = results compile_flags.txt typedefs.list src/*.indented mailer/*.indented

# A build in another folder finds the tests as one in this folder does.
ifdef VPATH
$(shell mkdir -p src && ln -sfn $(VPATH)/docs $(VPATH)/test $(VPATH)/expected .)
endif

PG_CONFIG ?= pg_config
export PG_CONFIG

# The scripts install what they need, PostgreSQL too, so their targets do without PGXS.
ifneq ($(filter-out demo test lint versions debian packages soak coverage memory bench mailer,$(or $(MAKECMDGOALS),all)),)
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(or $(PGXS),$(error there is no $(PG_CONFIG): install PostgreSQL's development files))
endif

sql/ecommerce--$(EXTVERSION).sql: sql/schemas.sql $(MIGRATIONS) $(FUNCTIONS)
	cd $(srcdir) && cat sql/schemas.sql $(MIGRATIONS) $(FUNCTIONS) >$(abspath $@)

$(lastword $(DATA_built)): $(wildcard $(here)sql/upgrades/*) $(NEW_MIGRATIONS) $(FUNCTIONS) $(RELEASED)
	cd $(srcdir) && { cat $(UPGRADE) $(NEW_MIGRATIONS) && awk -f sql/upgrades/functions.awk \
		mode=released $(RELEASED) mode=upgrade $(UPGRADE) mode=present $(FUNCTIONS) && \
		cat sql/upgrades/grants.sql; } >$(abspath $@)

# In a VPATH build the folders are the build's.
$(OBJS) $(OBJS:.o=.bc): | $(CURDIR)/src
$(DATA_built): | $(CURDIR)/sql
$(CURDIR)/src $(CURDIR)/sql:
	mkdir -p $@

# PGXS does not track headers unless the server was built to, nor what is listed above.
$(OBJS): $(wildcard $(srcdir)/src/*.h) Makefile

.PHONY: demo test lint versions debian packages soak coverage memory bench mailer indent

# DATA=file.csv on the command line names a retailer's file to replay.
demo:
	@demo/run $(if $(filter command,$(origin DATA)),"$(DATA)")

test:
	@test/run

# What compilers and other tools find in the code, and what the C language leaves undefined.
lint:
	@test/run analysis undefined

# The tests with the other major versions of PostgreSQL.
versions:
	@test/versions/run

# The demo and the tests on a minimal system of Debian's present release.
debian:
	@test/debian/run

# Debian's packages, built on a minimal system of its present release and used on another.
packages:
	@test/packages/run

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

# Where the headers are, for clangd and so for most editors.
compile_flags.txt:
	printf '%s\n' -D_GNU_SOURCE '-DVERSION=""' -Wall -Wextra \
		-isystem $(includedir_server) -isystem $(includedir) >$@

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
