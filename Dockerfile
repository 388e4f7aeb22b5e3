# Three stages: the wheel, the virtual environment it is installed into, and an image that holds only that.
FROM python:3.13-slim AS build

WORKDIR /build
COPY requirements/build.txt requirements/build.txt
RUN python -m venv /venv-build \
    && /venv-build/bin/pip install --no-cache-dir --quiet --require-hashes -r requirements/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY mappings mappings
COPY src src
RUN /venv-build/bin/hatchling build -t wheel -d /wheels

FROM python:3.13-slim AS install

WORKDIR /install
COPY requirements/runtime.txt runtime.txt
# Without pip: nothing can be added to the environment later.
RUN python -m venv --without-pip /opt/ocpp-gateway \
    && python -m pip --python /opt/ocpp-gateway/bin/python install --no-cache-dir --quiet --require-hashes -r runtime.txt
COPY --from=build /wheels /wheels
RUN python -m pip --python /opt/ocpp-gateway/bin/python install --no-cache-dir --quiet --no-deps --no-index /wheels/*.whl

FROM python:3.13-slim

LABEL org.opencontainers.image.title="ocpp-gateway" \
      org.opencontainers.image.description="EV chargers that speak Modbus TCP, as OCPP 1.6J charge points" \
      org.opencontainers.image.licenses="Apache-2.0"

ENV PATH=/opt/ocpp-gateway/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1

# A number, so that an orchestrator can see that it is not root; the store is the only place it may write to.
RUN install -d -o 10001 -g 10001 -m 0700 /var/lib/ocpp-gateway
COPY --from=install /opt/ocpp-gateway /opt/ocpp-gateway

USER 10001:10001
WORKDIR /var/lib/ocpp-gateway
VOLUME /var/lib/ocpp-gateway

HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["ocpp-gateway", "healthcheck", "-c", "/etc/ocpp-gateway/gateway.yaml"]

ENTRYPOINT ["ocpp-gateway"]
CMD ["run", "-c", "/etc/ocpp-gateway/gateway.yaml"]
