# One image for sites and coordinator: `fedglmm-site serve FOLDER` or `fedglmm-coordinator serve FILE`.
ARG BASE=python:3.11-slim

FROM ${BASE} AS build
WORKDIR /build
RUN python -m venv /opt/fedglmm
ENV PATH=/opt/fedglmm/bin:${PATH}
# the dependencies in a layer of their own: a change of the sources does not fetch them again
COPY pyproject.toml ./
RUN python -c "import tomllib; p = tomllib.load(open('pyproject.toml', 'rb'))['project']; \
extras = p['optional-dependencies']; print(*p['dependencies'], *extras['oidc'], *extras['postgresql'], sep='\n')" > dependencies.txt \
    && pip install --no-cache-dir --requirement dependencies.txt
COPY README.md LICENSE ./
COPY shared shared
COPY site_node site_node
COPY coordinator coordinator
RUN pip install --no-cache-dir --no-deps .

FROM ${BASE}
LABEL org.opencontainers.image.title="fedglmm" \
      org.opencontainers.image.description="Exact federated estimation of mixed-effects models: site and coordinator" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/fedglmm /opt/fedglmm
ENV PATH=/opt/fedglmm/bin:${PATH} \
    PYTHONDONTWRITEBYTECODE=1
# a named volume takes over the owner of the folder that it is mounted on
RUN install --directory --owner=10001 --group=10001 --mode=0700 /database /ledger
USER 10001:10001
CMD ["fedglmm-site", "--help"]
