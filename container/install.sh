#!/bin/sh
# Install a package of the checkout, what it needs, and Lambda's runtime client into a new virtual
# environment: install.sh PACKAGE ENVIRONMENT
set -eu

sources=$(cd "$(dirname "$0")" && pwd)
[ -d "$sources/packages" ] || sources=$(dirname "$sources")
package=${1:?"the name of a folder below packages/ is missing: --build-arg PACKAGE=data-sync"}
environment=${2:?"the folder for the environment is missing"}

if ! [ -f "$sources/packages/$package/pyproject.toml" ]; then
  echo "install.sh: there is no package $package; there are:" "$(ls "$sources/packages")" >&2
  exit 2
fi

uv venv --quiet --python "$(command -v python)" "$environment"
# Siblings come from the checkout, never from an index, as the package's tool.uv.sources says.
uv pip install --quiet --python "$environment" --no-editable --compile-bytecode --no-cache \
  "$sources/packages/$package" "awslambdaric>=3"
