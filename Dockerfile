# One image: the command line, the web page and the bot.
FROM python:3.13-slim AS build
WORKDIR /src
COPY requirements.lock pyproject.toml README.md ./
RUN python -m venv /opt/floe && /opt/floe/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
COPY engine engine
COPY bot bot
COPY web web
COPY cli cli
RUN /opt/floe/bin/pip install --no-cache-dir --no-deps .

FROM python:3.13-slim
RUN useradd --system --uid 10001 --home-dir /var/lib/floe --create-home floe
COPY --from=build /opt/floe /opt/floe
ENV PATH=/opt/floe/bin:$PATH PYTHONUNBUFFERED=1
USER 10001
WORKDIR /var/lib/floe
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/healthz', timeout=4)"]
ENTRYPOINT ["floe"]
CMD ["serve", "--host", "0.0.0.0", "--manifest", "/etc/floe/manifest.yaml"]
