# Kubernetes, releases, and the checks of both. docs/kubernetes.md

# Another cluster or namespace than the current one: make deploy-test KUBECTL="kubectl -n mine"
KUBECTL ?= kubectl
export KUBECTL

DEPLOY_TOOLS := target/deploy-tools
SHELL_SCRIPTS = $(wildcard scripts/*.sh scripts/*/*.sh docker/*.sh monitoring/*.sh)

.PHONY: check-alerts check-manifests lint-deploy release deploy-test deploy-prod verify-test verify-prod promote rollback k8s-e2e

# Once; afterwards everything here works without a network.
$(DEPLOY_TOOLS)/installed: scripts/deploy/requirements.txt
	rm -rf $(DEPLOY_TOOLS)
	python3 -m venv $(DEPLOY_TOOLS)
	$(DEPLOY_TOOLS)/bin/pip install --quiet --disable-pip-version-check -r $<
	touch $@

check-alerts: ## Check and test the alert rules of monitoring/
	@scripts/monitoring/check.sh target/tools/promtool

check-manifests: $(DEPLOY_TOOLS)/installed ## Validate the Kubernetes manifests strictly against the schemas of 1.30 to 1.37
	@scripts/deploy/no-latest.sh
	@scripts/deploy/check-manifests.sh $(DEPLOY_TOOLS)/bin/kubernetes-validate

lint-deploy: $(DEPLOY_TOOLS)/installed ## Lint Dockerfiles, shell scripts, YAML and workflows
	@$(DEPLOY_TOOLS)/bin/hadolint docker/Dockerfile.*
	@$(DEPLOY_TOOLS)/bin/shellcheck -x $(SHELL_SCRIPTS)
	@$(DEPLOY_TOOLS)/bin/yamllint --strict -c kubernetes/.yamllint kubernetes docker monitoring infra/google infra/azure .github
	@$(DEPLOY_TOOLS)/bin/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@$(DEPLOY_TOOLS)/bin/check-jsonschema --quiet --builtin-schema vendor.dependabot .github/dependabot.yml
	@$(DEPLOY_TOOLS)/bin/check-jsonschema --quiet --builtin-schema vendor.compose-spec docker/docker-compose.yml
	@$(DEPLOY_TOOLS)/bin/zizmor --offline --quiet --no-progress .github
	@if command -v actionlint >/dev/null; then actionlint; fi

release: ## Check, write the version everywhere, commit and tag: make release VERSION=1.2.3
	@scripts/release.sh $(VERSION)

deploy-test: ## Deploy kubernetes/test to the current cluster, and wait until it runs
	@scripts/deploy/apply.sh test

deploy-prod: ## Deploy kubernetes/prod as it stands; `make promote` is the usual way
	@scripts/deploy/apply.sh prod

verify-test: ## Test the live test environment from inside the cluster
	@scripts/deploy/verify.sh test

verify-prod: ## The same for prod
	@scripts/deploy/verify.sh prod

promote: ## Bring to prod exactly what runs on test, if it passes its verification
	@scripts/deploy/promote.sh

rollback: ## Bring prod back to the version before, or to one: make rollback [TO=1.2.3]
	@scripts/deploy/rollback.sh $(TO)

k8s-e2e: deploy-test verify-test ## Deploy to the current cluster and test what runs there
