# Two images: `gateway` (the default) and, with --target emulator, the stand-in for Halo Connect.
# docs/install.md says how a release pins the digest of PYTHON_IMAGE; everything else is pinned by hash here.
ARG PYTHON_IMAGE=python:3.13-slim

FROM ${PYTHON_IMAGE} AS build
WORKDIR /src
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1
COPY requirements ./requirements
RUN python -m venv /opt/build \
    && /opt/build/bin/pip install --no-deps --require-hashes -r requirements/build.txt \
    && /opt/build/bin/pip check
COPY pyproject.toml README.md ./
COPY openapi ./openapi
COPY docs ./docs
COPY gateway ./gateway
COPY halo_gateway ./halo_gateway
COPY deploy/build-environment ./deploy/build-environment

FROM build AS gateway-files
# Which lock the gateway is installed from: `emulator` adds fhir.resources, which writes.validation needs.
ARG LOCK=gateway
# Seconds since 1970 that every file gets, so that two builds are equal.
ARG SOURCE_DATE_EPOCH
RUN rm -r gateway/emulator gateway/demo && deploy/build-environment "$LOCK"

FROM build AS emulator-files
ARG SOURCE_DATE_EPOCH
RUN deploy/build-environment emulator

FROM ${PYTHON_IMAGE} AS base
# What installs software stays behind: nothing in the running image needs it.
RUN python -c "import importlib.util as u, shutil; [shutil.rmtree(s.submodule_search_locations[0]) for n in ('ensurepip', 'pip', 'setuptools', 'pkg_resources', 'wheel') if (s := u.find_spec(n))]" \
    && rm -f /usr/local/bin/pip* /usr/bin/pip*
ENV PATH=/opt/halo-gateway/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 65532:65532
STOPSIGNAL SIGTERM
ENTRYPOINT ["halo-gateway"]

FROM base AS emulator
LABEL org.opencontainers.image.title="halo-gateway-emulator" \
      org.opencontainers.image.description="Stand-in for the Halo Connect FHIR API, with synthetic data" \
      org.opencontainers.image.documentation="docs/emulator.md" \
      org.opencontainers.image.version="0.1.0"
COPY --from=emulator-files /opt/halo-gateway /opt/halo-gateway
EXPOSE 8090
HEALTHCHECK --interval=30s --timeout=3s --start-period=10s \
    CMD ["python", "-c", "import urllib.request as r; r.build_opener(r.ProxyHandler({})).open('http://127.0.0.1:8090/_emulator/sites', timeout=2)"]
CMD ["emulate", "--host", "0.0.0.0", "--port", "8090"]

FROM base AS gateway
LABEL org.opencontainers.image.title="halo-gateway" \
      org.opencontainers.image.description="reverse proxy for the Halo Connect FHIR API" \
      org.opencontainers.image.documentation="docs/operations.md" \
      org.opencontainers.image.version="0.1.0"
COPY --from=gateway-files /opt/halo-gateway /opt/halo-gateway
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=3s --start-period=10s \
    CMD ["python", "-c", "import urllib.request as r; r.build_opener(r.ProxyHandler({})).open('http://127.0.0.1:8080/readyz', timeout=2)"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8080"]
