# The Notification service, as one static program in an empty image.
#
#   docker build -f deploy/websocket.Dockerfile -t huleedu/edge-websocket:TAG .

FROM golang:1.26.8-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 go build -trimpath -tags nomsgpack -ldflags '-s -w' -o /out/websocket ./cmd/websocket

FROM scratch
LABEL org.opencontainers.image.title="huleedu-edge-websocket" \
      org.opencontainers.image.description="Notification service of HuleEdu" \
      org.opencontainers.image.vendor="HuleEdu"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/websocket /websocket
# A number, because there is no /etc/passwd and Kubernetes wants to see that it is not 0.
USER 65532:65532
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 CMD ["/websocket", "--healthcheck"]
ENTRYPOINT ["/websocket"]
