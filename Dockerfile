# One image for the API and the worker; the command chooses. No embedded databases, no demo data, no development tools.
FROM python:3.11.14-slim-bookworm AS build
WORKDIR /build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /app/venv
COPY requirements-prod.lock ./
RUN /app/venv/bin/pip install --require-hashes -r requirements-prod.lock
# setuptools builds the package; the image does not keep it.
COPY pyproject.toml README.md LICENSE ./
COPY scoring scoring
COPY shop shop
COPY graphql_api graphql_api
COPY workers workers
COPY mongo_seed mongo_seed
COPY devstack devstack
RUN pip wheel --no-deps --wheel-dir /wheels . && /app/venv/bin/pip install --no-deps /wheels/whybuy-*.whl

FROM python:3.11.14-slim-bookworm
RUN useradd --system --uid 10001 --create-home --home-dir /home/whybuy whybuy \
    && install -d -o whybuy -g whybuy /var/lib/whybuy
COPY --from=build /app/venv /app/venv
USER whybuy
WORKDIR /var/lib/whybuy
ENV PATH=/app/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    API_HOST=0.0.0.0 \
    API_PORT=8000 \
    MODEL_CACHE_DIR=/var/lib/whybuy/models \
    OPENBLAS_NUM_THREADS=1 \
    WHYBUY_ENV=production \
    WHYBUY_LOG_JSON=true
VOLUME /var/lib/whybuy
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f\"http://127.0.0.1:{os.environ['API_PORT']}/health/live\", timeout=2)"]
CMD ["python", "-m", "graphql_api"]
