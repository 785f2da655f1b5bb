# Multi-stage: the first stage builds a virtual environment, the second carries it and nothing else.
ARG PYTHON_IMAGE=python:3.13-slim

FROM ${PYTHON_IMAGE} AS build
WORKDIR /src
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1
RUN python -m venv /opt/halo-gateway
COPY requirements.lock ./
RUN /opt/halo-gateway/bin/pip install --require-hashes -r requirements.lock
COPY pyproject.toml README.md ./
COPY openapi ./openapi
COPY gateway ./gateway
RUN python -m venv /opt/build \
    && /opt/build/bin/pip install "setuptools>=77" \
    && /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /tmp/wheels . \
    && /opt/halo-gateway/bin/pip install --no-deps /tmp/wheels/*.whl \
    && /opt/halo-gateway/bin/python -m compileall -q /opt/halo-gateway/lib \
    && /opt/halo-gateway/bin/pip uninstall -y pip

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="halo-gateway" \
      org.opencontainers.image.description="FHIR-facing reverse proxy for the Halo Connect FHIR API" \
      org.opencontainers.image.documentation="docs/operations.md" \
      org.opencontainers.image.version="0.1.0"
# What installs software stays behind: nothing in the running image needs it.
RUN python -c "import importlib.util as u, shutil; [shutil.rmtree(s.submodule_search_locations[0]) for n in ('ensurepip', 'pip', 'setuptools', 'pkg_resources', 'wheel') if (s := u.find_spec(n))]" \
    && rm -f /usr/local/bin/pip* /usr/bin/pip*
ENV PATH=/opt/halo-gateway/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
COPY --from=build /opt/halo-gateway /opt/halo-gateway
USER 65532:65532
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=3s --start-period=10s \
    CMD ["python", "-c", "import urllib.request as r; r.build_opener(r.ProxyHandler({})).open('http://127.0.0.1:8080/readyz', timeout=2)"]
ENTRYPOINT ["halo-gateway"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8080"]
