# The API gateway, as one static program in an empty image.
#
#   docker build -f deploy/gateway.Dockerfile -t huleedu/edge-gateway:TAG .

FROM golang:1.26.8-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 go build -trimpath -tags nomsgpack -ldflags '-s -w' -o /out/gateway ./cmd/gateway

FROM scratch
LABEL org.opencontainers.image.title="huleedu-edge-gateway" \
      org.opencontainers.image.description="API gateway of HuleEdu" \
      org.opencontainers.image.vendor="HuleEdu"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/gateway /gateway
# A number, because there is no /etc/passwd and Kubernetes wants to see that it is not 0.
USER 65532:65532
EXPOSE 4001
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 CMD ["/gateway", "--healthcheck"]
ENTRYPOINT ["/gateway"]
