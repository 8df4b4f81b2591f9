#!/bin/sh
# Install a package of the workspace, its dependencies and the Lambda runtime client into a new
# virtual environment: install.sh PACKAGE ENVIRONMENT
#
# Everything that is downloaded is pinned with hashes, by the constraints of the package and by the
# files beside this script.
set -eu

container=$(cd "$(dirname "$0")" && pwd)
sources=$(dirname "$container")
package=${1:?"no package. Set it to the name of a folder in packages/: --build-arg PACKAGE=data-sync"}
environment=${2:?"no folder for the virtual environment"}

if ! [ -f "$sources/packages/$package/pyproject.toml" ]; then
  echo "install.sh: unknown package $package. Packages:" "$(ls "$sources/packages")" >&2
  exit 2
fi

uv venv --quiet --python "$(command -v python)" "$environment"
# tool.uv.sources of the package installs siblings from the workspace, never from a package index.
uv pip install --quiet --python "$environment" --no-editable --compile-bytecode --no-cache \
  --constraints "$sources/packages/$package/constraints.txt" \
  --build-constraints "$container/build.txt" \
  -r "$container/runtime.txt" "$sources/packages/$package"
