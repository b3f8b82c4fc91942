# A minimal image: a static binary, and the authorities by whose certificates it knows AWS. Nothing else is in it, no
# shell either; it is for `docker run` and for `COPY --from`. `make image` prepares the context and builds it.
#
# It runs as root, because the Docker socket that it is given for the local check belongs to root; `docker run --user`
# says otherwise where no socket is given.
FROM scratch
ARG TARGETARCH=amd64
COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY shipgate-${TARGETARCH} /shipgate
ENTRYPOINT ["/shipgate"]
