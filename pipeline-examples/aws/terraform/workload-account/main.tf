# An account that a service runs in: the repository it deploys from, the role that deploys, the role that App Runner pulls with. The service and
# its log groups are in service.tf.

terraform {
  required_version = ">= 1.7"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.0"
    }
  }
}

variable "issuer" {
  description = "The CI's OIDC issuer, without https:// (README.md has those of each CI)"
  type        = string
  default     = "token.actions.githubusercontent.com"
}

variable "audience" {
  type    = string
  default = "sts.amazonaws.com"
}

variable "subjects" {
  description = "The subjects that may deploy to this account; a * stands for any characters"
  type        = list(string)
  default     = ["repo:shop/api:environment:prod"]
}

variable "trusted_role" {
  description = "The ARN of a role that is trusted in place of tokens, such as the service role of CodeBuild"
  type        = string
  default     = ""
}

variable "repository" {
  type    = string
  default = "shop/api"
}

variable "service" {
  type    = string
  default = "shop-api"
}

data "aws_caller_identity" "here" {}

data "aws_region" "here" {}

module "policies" {
  source = "../policies"

  account    = data.aws_caller_identity.here.account_id
  region     = data.aws_region.here.region
  issuer     = var.issuer
  audience   = var.audience
  subjects   = var.subjects
  repository = var.repository

  trusted_role = var.trusted_role
  service      = var.service
}

resource "aws_iam_openid_connect_provider" "ci" {
  count          = var.trusted_role == "" ? 1 : 0
  url            = "https://${var.issuer}"
  client_id_list = [var.audience]
}

# Its tags move: the one that the service deploys from is how a version is released.
resource "aws_ecr_repository" "images" {
  name                 = var.repository
  image_tag_mutability = "MUTABLE"
}

resource "aws_iam_role" "access" {
  name               = "${var.service}-access"
  assume_role_policy = module.policies.access_trust
}

resource "aws_iam_role_policy" "access" {
  name   = "pull"
  role   = aws_iam_role.access.name
  policy = module.policies.access
}

resource "aws_iam_role" "deploy" {
  name               = "shipgate-deploy"
  assume_role_policy = module.policies.trust
}

resource "aws_iam_role_policy" "deploy" {
  name   = "deploy"
  role   = aws_iam_role.deploy.name
  policy = module.policies.deploy
}

output "role" {
  value = aws_iam_role.deploy.arn
}

output "access_role" {
  value = aws_iam_role.access.arn
}
