#!/bin/sh
# Believed: what pip installs for a version of a library is what that version can import.
# So: zarr 2.18.3 has no upper bound on numcodecs, and from 0.16 on that lacks a function which
# zarr imports. With 0.15.1 the same zarr works.
# Matters: a pinned zarr 2 that has worked for years fails at import in a new environment: pin
# numcodecs<0.16 as well.
# Versions: zarr 2.18.3, numcodecs 0.16.5 and 0.15.1, numpy 2.4.6.
# Output:
#   with numcodecs 0.16.5: cannot import name 'cbuffer_sizes' from 'numcodecs.blosc'
#   with numcodecs 0.15.1: imported
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
install() {
    python3 -m pip install --quiet --disable-pip-version-check --no-compile --target "$@"
}
install new zarr==2.18.3 numcodecs==0.16.5 numpy==2.4.6
install old zarr==2.18.3 numcodecs==0.15.1 numpy==2.4.6
cat > check.py <<'END_OF_CHECK'
import numcodecs

try:
    import zarr  # noqa: F401

    result = "imported"
except ImportError as error:
    result = str(error).partition(" (")[0]
print(f"with numcodecs {numcodecs.__version__}: {result}")
END_OF_CHECK
new=$(PYTHONPATH=new python3 check.py)
old=$(PYTHONPATH=old python3 check.py)
echo "$new"
echo "$old"
test "$new" = "with numcodecs 0.16.5: cannot import name 'cbuffer_sizes' from 'numcodecs.blosc'"
test "$old" = "with numcodecs 0.15.1: imported"
