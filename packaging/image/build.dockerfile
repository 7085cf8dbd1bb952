# The container image of pabal, for engines that build their own; make image makes
# the same without one. Written by `go run . dockerfile` in packaging/image.
#
#	docker build -f packaging/image/Dockerfile --build-arg VERSION="$(packaging/deb/version)" -t pabal .
ARG GO_IMAGE=docker.io/library/golang:1.26-bookworm

FROM ${GO_IMAGE} AS build
ARG VERSION=unknown
WORKDIR /src
COPY . .
ENV CGO_ENABLED=0 GOFLAGS="-mod=readonly -buildvcs=false"
RUN go build -trimpath -ldflags "-s -w -X pabal/cli.released=${VERSION}" -o /tmp/pabal . \
 && cd packaging/image && go run . rootfs /tmp/pabal /rootfs

FROM scratch
ARG VERSION=unknown
ARG REVISION=unknown
COPY --from=build /rootfs/ /
