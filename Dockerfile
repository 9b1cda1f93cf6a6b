# The environment is made by the Makefile, as in a checkout; nothing of the building is left in the image but it.
# Build for a GPU: docker build --build-arg UV_TORCH_BACKEND=auto .

FROM python:3.11.14-slim-bookworm AS builder
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends make && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/lensgap
ARG UV_TORCH_BACKEND=cpu
ENV UV_TORCH_BACKEND=${UV_TORCH_BACKEND} UV_LINK_MODE=copy UV_NO_CACHE=1
COPY Makefile pyproject.toml constraints.txt README.md LICENSE ./
COPY db db
COPY engine engine
COPY app app
RUN make environment

FROM python:3.11.14-slim-bookworm
RUN useradd --create-home --uid 1000 lensgap && install -d -o lensgap -g lensgap /studies
COPY --from=builder /opt/lensgap /opt/lensgap
# Inside a container the dashboard must listen to all; what is published is decided by docker run.
ENV PATH=/opt/lensgap/.venv/bin:$PATH PYTHONUNBUFFERED=1 LENSGAP_ADDRESS=0.0.0.0 LENSGAP_CONTAINER=1
USER 1000
WORKDIR /studies
VOLUME /studies
EXPOSE 8501
HEALTHCHECK --interval=30s --timeout=5s --start-period=120s CMD ["python", "-c", \
    "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8501/_stcore/health', timeout=4)"]
ENTRYPOINT ["lensgap"]
CMD ["demo", "--study", "/studies/demo"]
