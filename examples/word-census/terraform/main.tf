terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.80"
    }
  }
}

variable "bucket_name" {
  type        = string
  description = "Bucket with the texts"
}

locals {
  archive = "${path.module}/../dist/word_census-0.1.0.zip"
}

resource "aws_lambda_function" "word_census" {
  function_name    = "word-census"
  filename         = local.archive
  source_code_hash = filebase64sha256(local.archive)
  handler          = "word_census.handler"
  runtime          = "python3.13"
  architectures    = ["arm64"]
  memory_size      = 512
  timeout          = 60
  role             = aws_iam_role.word_census.arn
}

resource "aws_iam_role" "word_census" {
  name = "word-census"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "lambda.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy_attachment" "logs" {
  role       = aws_iam_role.word_census.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
}

resource "aws_iam_role_policy" "read_texts" {
  role = aws_iam_role.word_census.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = "s3:GetObject"
      Resource = "arn:aws:s3:::${var.bucket_name}/*"
    }]
  })
}
