# One image: the command line, the web page and the Slack bot.
FROM python:3.13-slim-bookworm AS build
WORKDIR /src
COPY requirements.lock deploy/sbom.lock ./
RUN python -m venv /opt/floe \
    && /opt/floe/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --require-hashes -r requirements.lock \
    && python -m venv /opt/tools \
    && /opt/tools/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --require-hashes -r sbom.lock
# Last, so that a change of the source reuses the layers above.
COPY pyproject.toml README.md LICENSE ./
COPY floe floe
COPY engine engine
COPY bot bot
COPY web web
COPY cli cli
RUN /opt/tools/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /dist . \
    && /opt/floe/bin/pip install --no-cache-dir --no-deps /dist/*.whl \
    && /opt/tools/bin/cyclonedx-py environment /opt/floe/bin/python --output-file /opt/floe/sbom.cdx.json \
    && /opt/floe/bin/python -m compileall -q /opt/floe/lib

FROM python:3.13-slim-bookworm
LABEL org.opencontainers.image.title="floe" \
      org.opencontainers.image.description="Promotion of immutable OCI artifacts: driven from Slack, seen on a web page, scripted from CI" \
      dev.floe.sbom.path="/opt/floe/sbom.cdx.json" \
      dev.floe.sbom.format="CycloneDX"
RUN useradd --system --uid 10001 --user-group --home-dir /var/lib/floe --create-home floe
COPY --from=build /opt/floe /opt/floe
# Nothing but the volume is written to: the root file system may be read-only.
ENV PATH=/opt/floe/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 FLOE_MANIFEST=/etc/floe/manifest.yaml FLOE_LOCK_DIR=/var/lib/floe
USER 10001:10001
WORKDIR /var/lib/floe
VOLUME /var/lib/floe
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/healthz', timeout=4)"]
ENTRYPOINT ["floe"]
CMD ["serve", "--host", "0.0.0.0"]
