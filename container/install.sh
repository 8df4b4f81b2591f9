#!/bin/sh
# Install a package of the workspace, its dependencies and the Lambda runtime client into a new
# virtual environment: install.sh PACKAGE ENVIRONMENT
set -eu

sources=$(cd "$(dirname "$0")" && pwd)
[ -d "$sources/packages" ] || sources=$(dirname "$sources")
package=${1:?"no package. Set it to the name of a folder in packages/: --build-arg PACKAGE=data-sync"}
environment=${2:?"no folder for the virtual environment"}

if ! [ -f "$sources/packages/$package/pyproject.toml" ]; then
  echo "install.sh: unknown package $package. Packages:" "$(ls "$sources/packages")" >&2
  exit 2
fi

uv venv --quiet --python "$(command -v python)" "$environment"
# tool.uv.sources of the package installs siblings from the workspace, never from a package index.
uv pip install --quiet --python "$environment" --no-editable --compile-bytecode --no-cache \
  "$sources/packages/$package" "awslambdaric>=3"
