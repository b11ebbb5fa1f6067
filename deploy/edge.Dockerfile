# The tool for developers, as one static program in an empty image. demo.compose.yaml runs the simulated
# platform with it.
#
#   docker build -f deploy/edge.Dockerfile -t huleedu/edge-tool:TAG .

FROM golang:1.26.8-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 go build -trimpath -tags nomsgpack -ldflags '-s -w' -o /out/edge ./cmd/edge

FROM scratch
LABEL org.opencontainers.image.title="huleedu-edge-tool" \
      org.opencontainers.image.description="Tool for developers of HuleEdu Edge" \
      org.opencontainers.image.vendor="HuleEdu"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/edge /edge
USER 65532:65532
ENTRYPOINT ["/edge"]
