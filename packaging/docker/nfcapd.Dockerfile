# SPDX-License-Identifier: Apache-2.0
FROM docker.io/library/debian:bookworm-slim
RUN apt-get -qq update \
 && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends nfdump \
 && rm -rf /var/lib/apt/lists/* \
 && install -d -o nobody -g nogroup /flows
USER nobody
VOLUME /flows
