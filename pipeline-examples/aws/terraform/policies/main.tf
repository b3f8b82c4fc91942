# Every policy document of the examples, and nothing else: no provider, so that they can be evaluated anywhere. registry-account and
# workload-account make resources of them.

terraform {
  required_version = ">= 1.7"
}

variable "partition" {
  type    = string
  default = "aws"
}

variable "region" {
  type = string
}

variable "account" {
  description = "The account that the documents are for"
  type        = string
}

variable "issuer" {
  description = "The CI's OIDC issuer, without https:// (README.md has those of each CI)"
  type        = string
}

variable "audience" {
  type    = string
  default = "sts.amazonaws.com"
}

variable "subjects" {
  description = "The subjects that may assume the role; a * stands for any characters. They tell one job from another: never * alone"
  type        = list(string)
}

variable "trusted_role" {
  description = "The ARN of a role that is trusted in place of tokens, such as the service role of CodeBuild"
  type        = string
  default     = ""
}

variable "repository" {
  type = string
}

variable "service" {
  type    = string
  default = ""
}

locals {
  arn            = "arn:${var.partition}"
  repository_arn = "${local.arn}:ecr:${var.region}:${var.account}:repository/${var.repository}"
  log_in         = { Sid = "LogIn", Effect = "Allow", Action = "ecr:GetAuthorizationToken", Resource = "*" }

  trust_tokens = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Federated = "${local.arn}:iam::${var.account}:oidc-provider/${var.issuer}" }
      Action    = "sts:AssumeRoleWithWebIdentity"
      Condition = {
        StringEquals = { "${var.issuer}:aud" = var.audience }
        StringLike   = { "${var.issuer}:sub" = var.subjects }
      }
    }]
  })

  trust_role = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { AWS = var.trusted_role }
      Action    = "sts:AssumeRole"
    }]
  })
}

# Who may assume the role: the CI's jobs with these subjects, or one role.
output "trust" {
  value = var.trusted_role == "" ? local.trust_tokens : local.trust_role
}

output "access_trust" {
  value = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "build.apprunner.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

# Reading an image in the registry account.
output "pull" {
  value = jsonencode({
    Version = "2012-10-17"
    Statement = [
      local.log_in,
      {
        Sid      = "Pull"
        Effect   = "Allow"
        Action   = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
        Resource = local.repository_arn
      },
    ]
  })
}

# What App Runner pulls with, in a workload account.
output "access" {
  value = jsonencode({
    Version = "2012-10-17"
    Statement = [
      local.log_in,
      {
        Sid    = "Pull"
        Effect = "Allow"
        Action = [
          "ecr:BatchGetImage",
          "ecr:DescribeImages",
          "ecr:GetDownloadUrlForLayer",
        ]
        Resource = local.repository_arn
      },
    ]
  })
}

# Deploying in a workload account. The service's id is not known before there is a service, hence the * after its name.
output "deploy" {
  value = jsonencode({
    Version = "2012-10-17"
    Statement = [
      local.log_in,
      {
        Sid    = "Push"
        Effect = "Allow"
        Action = [
          "ecr:BatchCheckLayerAvailability",
          "ecr:BatchGetImage",
          "ecr:CompleteLayerUpload",
          "ecr:DescribeImages",
          "ecr:DescribeRepositories",
          "ecr:GetDownloadUrlForLayer",
          "ecr:InitiateLayerUpload",
          "ecr:PutImage",
          "ecr:UploadLayerPart",
        ]
        Resource = local.repository_arn
      },
      { Sid = "Find", Effect = "Allow", Action = "apprunner:ListServices", Resource = "*" },
      {
        Sid    = "Release"
        Effect = "Allow"
        Action = [
          "apprunner:CreateService",
          "apprunner:DescribeService",
          "apprunner:ListOperations",
          "apprunner:StartDeployment",
          "apprunner:UpdateService",
        ]
        Resource = "${local.arn}:apprunner:${var.region}:${var.account}:service/${var.service}/*"
      },
      {
        Sid       = "PassTheAccessRole"
        Effect    = "Allow"
        Action    = "iam:PassRole"
        Resource  = "${local.arn}:iam::${var.account}:role/${var.service}-access"
        Condition = { StringEquals = { "iam:PassedToService" = ["build.apprunner.amazonaws.com", "apprunner.amazonaws.com"] } }
      },
      {
        Sid       = "TheFirstServiceOfTheAccount"
        Effect    = "Allow"
        Action    = "iam:CreateServiceLinkedRole"
        Resource  = "${local.arn}:iam::${var.account}:role/aws-service-role/apprunner.amazonaws.com/AWSServiceRoleForAppRunner"
        Condition = { StringEquals = { "iam:AWSServiceName" = "apprunner.amazonaws.com" } }
      },
      {
        Sid      = "FindLogs"
        Effect   = "Allow"
        Action   = "logs:DescribeLogGroups"
        Resource = "${local.arn}:logs:${var.region}:${var.account}:log-group:*"
      },
      {
        Sid    = "ReadLogs"
        Effect = "Allow"
        Action = [
          "logs:DescribeLogStreams",
          "logs:FilterLogEvents",
          "logs:GetLogEvents",
          "logs:PutRetentionPolicy",
        ]
        Resource = "${local.arn}:logs:${var.region}:${var.account}:log-group:/aws/apprunner/${var.service}/*"
      },
    ]
  })
}
