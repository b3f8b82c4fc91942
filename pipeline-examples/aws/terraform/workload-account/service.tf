# The service and its log groups, once `shipgate deploy` has created the service: set service_arn, and they are imported, not made. The groups' names
# have the service's id, so nobody can declare them before it is there, and App Runner makes them itself: without a retention, and for ever.
# (`shipgate export terraform` prints the same two groups, for those who declare nothing else.)

variable "service_arn" {
  description = "The service's ARN, as `shipgate status` tells it; empty until the first deployment"
  type        = string
  default     = ""
}

variable "log_retention_days" {
  description = "As in shipgate.yaml, logs.retention_days"
  type        = number
  default     = 30
}

locals {
  services   = toset(compact([var.service_arn]))
  service_id = var.service_arn == "" ? "" : element(split("/", var.service_arn), 2)

  log_groups = var.service_arn == "" ? {} : {
    for kind in ["application", "service"] : kind => "/aws/apprunner/${var.service}/${local.service_id}/${kind}"
  }
}

import {
  for_each = local.services
  to       = aws_apprunner_service.service[each.value]
  id       = each.value
}

resource "aws_apprunner_service" "service" {
  for_each     = local.services
  service_name = var.service

  source_configuration {
    auto_deployments_enabled = false

    authentication_configuration {
      access_role_arn = aws_iam_role.access.arn
    }

    # The tag stays the same and shipgate moves it, so that no deployment is a change here.
    image_repository {
      image_repository_type = "ECR"
      image_identifier      = "${aws_ecr_repository.images.repository_url}:${var.service}"

      image_configuration {
        port = "8080"
      }
    }
  }

  health_check_configuration {
    protocol = "HTTP"
    path     = "/"
    interval = 1
  }
}

import {
  for_each = local.log_groups
  to       = aws_cloudwatch_log_group.logs[each.key]
  id       = each.value
}

resource "aws_cloudwatch_log_group" "logs" {
  for_each          = local.log_groups
  name              = each.value
  retention_in_days = var.log_retention_days
}
