# One image for the four services of cstr-gateway; docker-compose.yml says which one a container runs.
FROM python:3.11.14-slim-bookworm

ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1

WORKDIR /app
COPY requirements.lock ./
RUN pip install --require-hashes -r requirements.lock

COPY pyproject.toml README.md ./
COPY config config
COPY plant plant
COPY timeseries timeseries
COPY runtime runtime
COPY opcua_server opcua_server
COPY controller_client controller_client
COPY historian historian
COPY detector detector
COPY gateway gateway
RUN pip install --no-deps --no-build-isolation . \
    && useradd --uid 10001 --no-create-home --home-dir /data gateway \
    && install -d -o gateway -g gateway -m 0750 /data /data/pki
COPY --chmod=0755 config/compose/entrypoint /usr/local/bin/entrypoint

USER 10001
WORKDIR /data
VOLUME /data
STOPSIGNAL SIGTERM
ENTRYPOINT ["entrypoint"]
CMD ["server"]
