# PostgreSQL with the extension, on the official image, and the mailer:
#
#   docker build --tag ecommerce-server .
#   docker build --tag ecommerce-mailer --target mailer .
#
# Not tested: where the tests of this project run there are no containers.

ARG PG_MAJOR=17

FROM postgres:${PG_MAJOR}-trixie AS build
RUN apt-get update && apt-get install --yes --no-install-recommends \
        gcc libc6-dev libcurl4-openssl-dev libidn2-dev libpq-dev make pkgconf \
        postgresql-server-dev-$PG_MAJOR
WORKDIR /usr/src/ecommerce
COPY . .
RUN make with_llvm=no install DESTDIR=/server && make -C mailer install DESTDIR=/mailer

FROM debian:trixie-slim AS mailer
RUN apt-get update && apt-get install --yes --no-install-recommends \
        ca-certificates libcurl4t64 libidn2-0 libpq5 \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /mailer/ /
USER nobody
ENTRYPOINT ["ecommerce-mailer"]

FROM postgres:${PG_MAJOR}-trixie AS server
COPY --from=build /server/ /
