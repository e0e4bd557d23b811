# AWS. docs/aws.md
#
# Account and region: AWS_PROFILE, AWS_REGION.

AWS_TOOLS := target/tools/aws

.PHONY: check-aws aws-local-stack aws-deploy aws-verify aws-promote aws-rollback aws-delete

# Once; afterwards the checks work without a network.
$(AWS_TOOLS)/installed: infra/requirements.txt
	rm -rf $(AWS_TOOLS)
	python3 -m venv $(AWS_TOOLS)
	$(AWS_TOOLS)/bin/pip install --quiet --disable-pip-version-check -r $<
	touch $@

check-aws: $(AWS_TOOLS)/installed ## Lint the AWS templates in every way they can be filled in
	@scripts/aws/check-templates.sh $(AWS_TOOLS)/bin

# setup-test installs the stand-in, which the tests use too.
aws-local-stack: setup-test $(AWS_TOOLS)/installed ## Create the AWS stack in a stand-in, verify it, delete it
	$(CARGO) build --locked -p pssp -p pssp-api -p pssp-worker
	@scripts/aws/try-stack.sh $(AWS_TOOLS)/bin target/tools/ministack/bin

aws-deploy: ## Deploy to AWS: make aws-deploy STAGE=test [VERSION=1.2.3]
	@scripts/aws/deploy.sh "$(STAGE)" $(VERSION)
	@scripts/aws/verify.sh "$(STAGE)"

aws-verify: ## Test a live stage: make aws-verify STAGE=test
	@scripts/aws/verify.sh "$(STAGE)"

aws-promote: ## Bring to prod exactly the version that test runs, if it passes its verification
	@scripts/aws/promote.sh

aws-rollback: ## Bring prod back to the version before, or to one: make aws-rollback [TO=1.2.3]
	@scripts/aws/rollback.sh $(TO)

aws-delete: ## Take a stage away, after asking: make aws-delete STAGE=test
	@scripts/aws/delete.sh "$(STAGE)"
