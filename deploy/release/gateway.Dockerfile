# The image of a release. GoReleaser has built the program for each platform; deploy/gateway.Dockerfile
# builds the same image from the source.

FROM golang:1.26.8-bookworm AS certificates

FROM scratch
ARG TARGETPLATFORM
LABEL org.opencontainers.image.title="huleedu-edge-gateway" \
      org.opencontainers.image.description="API gateway of HuleEdu" \
      org.opencontainers.image.vendor="HuleEdu"
COPY --from=certificates /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY bin/THIRD_PARTY_NOTICES.txt /THIRD_PARTY_NOTICES.txt
COPY $TARGETPLATFORM/gateway /gateway
USER 65532:65532
EXPOSE 4001
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 CMD ["/gateway", "--healthcheck"]
ENTRYPOINT ["/gateway"]
