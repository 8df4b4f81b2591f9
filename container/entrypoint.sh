#!/bin/sh
# Run a handler: as a Lambda function if the container runs on Lambda, else as a command.
#
# Every branch ends in exec: the process of the handler receives the signals, and its exit status
# is that of the container.
set -eu

# On Lambda, AWS_EXECUTION_ENV is AWS_Lambda_<runtime>; only AWS base images set it.
# AWS_LAMBDA_RUNTIME_API is set for every function.
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
case ${AWS_EXECUTION_ENV-} in
  AWS_LAMBDA_* | AWS_Lambda_*) on_lambda=yes ;;
  *) on_lambda=${AWS_LAMBDA_RUNTIME_API:+yes} ;;
esac

if [ -z "$on_lambda" ]; then
  exec handle-lambda-request "$@"
fi

if [ $# -eq 0 ]; then
  handler=${AWS_LAMBDA_FUNCTION_HANDLER:-${_HANDLER-}}
  if [ -z "$handler" ]; then
    echo "entrypoint.sh: no handler. Set the command of the container to MODULE.FUNCTION, or set" \
      "AWS_LAMBDA_FUNCTION_HANDLER." >&2
    exit 2
  fi
  set -- "$handler"
fi

if [ -n "${AWS_LAMBDA_RUNTIME_API-}" ]; then
  exec python -m awslambdaric "$@"
fi

if ! command -v aws-lambda-rie >/dev/null; then
  echo "entrypoint.sh: AWS_EXECUTION_ENV is ${AWS_EXECUTION_ENV-}, but AWS_LAMBDA_RUNTIME_API is" \
    "not set and aws-lambda-rie is not on the PATH. Mount the Runtime Interface Emulator" \
    "(https://github.com/aws/aws-lambda-runtime-interface-emulator), or unset AWS_EXECUTION_ENV" \
    "to run the command line." >&2
  exit 2
fi
exec aws-lambda-rie python -m awslambdaric "$@"
