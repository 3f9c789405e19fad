# The suite in a container: it keeps the timetable of meltano.yml, or runs one command. docs/go-live.md tells how.
#   docker build -t crm-warehouse .
#   docker run --env-file .env crm-warehouse
#   docker run --rm --env-file .env crm-warehouse crm sync genius

FROM python:3.11-slim-bookworm AS build
WORKDIR /app
COPY requirements.lock ./
COPY scripts scripts
COPY taps taps
COPY plugins plugins
RUN CRM_WITHOUT_MARIADB=1 scripts/setup

FROM python:3.11-slim-bookworm
RUN apt-get update \
    && apt-get install --yes --no-install-recommends tini \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --create-home crm
WORKDIR /app
COPY --from=build /app /app
COPY meltano.yml health.yml ./
COPY transform transform
# All that is ever written: logs and the files of runs at work. Bookmarks and history are in the warehouse.
RUN mkdir .crm .meltano && chown crm:crm .crm .meltano
ENV PATH=/app/.venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 TZ=UTC
USER 10001
# tini passes signals on and buries processes that nobody waits for.
ENTRYPOINT ["tini", "--"]
CMD ["crm", "cron", "run"]
STOPSIGNAL SIGTERM
