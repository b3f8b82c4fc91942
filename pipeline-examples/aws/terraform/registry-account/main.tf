# The account that images are pushed to: the repository, and the role that reads from it.

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
  description = "The subjects that may read images; a * stands for any characters"
  type        = list(string)
  default     = ["repo:shop/api:environment:staging", "repo:shop/api:environment:prod"]
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

variable "workload_accounts" {
  description = "Accounts whose own ECR may fetch the image, for `via: pull-through`"
  type        = list(string)
  default     = []
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
}

resource "aws_iam_openid_connect_provider" "ci" {
  count          = var.trusted_role == "" ? 1 : 0
  url            = "https://${var.issuer}"
  client_id_list = [var.audience]
}

resource "aws_ecr_repository" "images" {
  name                 = var.repository
  image_tag_mutability = "IMMUTABLE"
}

resource "aws_ecr_repository_policy" "workload_accounts" {
  count      = length(var.workload_accounts) > 0 ? 1 : 0
  repository = aws_ecr_repository.images.name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "WorkloadAccounts"
      Effect    = "Allow"
      Principal = { AWS = var.workload_accounts }
      Action    = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchImportUpstreamImage"]
    }]
  })
}

resource "aws_iam_role" "pull" {
  name               = "shipgate-pull"
  assume_role_policy = module.policies.trust
}

resource "aws_iam_role_policy" "pull" {
  name   = "pull"
  role   = aws_iam_role.pull.name
  policy = module.policies.pull
}

output "registry_role" {
  value = aws_iam_role.pull.arn
}

output "image" {
  value = aws_ecr_repository.images.repository_url
}
