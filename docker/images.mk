# Images and the composition of them. docs/containers.md

# docker if its engine answers, else podman.
ENGINE ?= $(if $(shell docker info >/dev/null 2>&1 && echo yes),docker,podman)
REGISTRY ?= ghcr.io/pssp
# Use `make images BUILD_FLAGS=--pull=never` if no registry is reachable.
BUILD_FLAGS ?=

IMAGES := api wrk cli db
image-name = pssp$(if $(filter cli,$(1)),,-$(1))
image-tag = $(if $(filter db,$(1)),$(DB_VERSION),$(PSSP_VERSION))
image-ref = $(REGISTRY)/$(call image-name,$(1)):$(call image-tag,$(1))

PSSP_VERSION = $(shell scripts/version.sh)
DB_VERSION = $(shell cut -d' ' -f1 docker/db-version)
REVISION = $(shell git rev-parse HEAD 2>/dev/null)$(shell git diff --quiet HEAD 2>/dev/null || echo -dirty)
# podman's own image format has no HEALTHCHECK.
FORMAT = $(if $(findstring podman,$(ENGINE)),--format docker)
COMPOSE = REGISTRY=$(REGISTRY) PSSP_VERSION=$(PSSP_VERSION) DB_VERSION=$(DB_VERSION) \
	$(ENGINE) compose -f docker/docker-compose.yml

.PHONY: images compose-up compose-down push db-version $(IMAGES:%=image-%)

images: $(IMAGES:%=image-%) ## Build the container images (api, wrk, cli, db)

$(IMAGES:%=image-%): image-%:
	$(ENGINE) build $(FORMAT) $(BUILD_FLAGS) -f docker/Dockerfile.$* \
		--build-arg VERSION=$(call image-tag,$*) --build-arg REVISION=$(REVISION) \
		-t $(call image-ref,$*) .

# Needs docker with its compose plug-in, or podman 4.7 with a compose provider.
compose-up: images ## Start api, worker and Redis in containers on 127.0.0.1:5000
	$(COMPOSE) up -d --wait

compose-down: ## Stop the containers; the jobs stay in their volume
	$(COMPOSE) down

push: images ## Push the images: make push REGISTRY=ghcr.io/you
	$(foreach image,$(IMAGES),$(ENGINE) push $(call image-ref,$(image)) &&) true

db-version: ## Take over a changed Redis image: next revision of its tag, in all manifests
	scripts/db-version.sh
