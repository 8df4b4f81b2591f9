#!/bin/sh
# Believed: an attribute that h5py writes from True is an attribute for netCDF4, or gives a
# warning.
# So: netCDF4 lists it only if a dataset of the file has the same type; otherwise it is missing,
# without a warning.
# Matters: flags such as a quality mark get lost between two libraries of one format, depending on
# what else is in the file.
# Versions: h5py 3.16.0, netCDF4 1.7.5.1.post1.
# Output:
#   attributes for h5py: ['checked', 'run']
#   attributes for netCDF4: ['run']
#   attributes for netCDF4, with a mask in the file: ['checked', 'run']
#   warnings: 0
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m pip install --quiet --disable-pip-version-check --no-compile --target site h5py==3.16.0 netCDF4==1.7.5.1.post1
cat > check.py <<'END'
import warnings
import h5py, netCDF4, numpy as np

def attributes(**datasets):
    """Return the attributes of a file with some datasets, for both libraries."""
    with h5py.File("file.h5", "w") as file:
        for name, values in datasets.items():
            file[name] = values
        file.attrs["checked"] = True
        file.attrs["run"] = 7
        written = sorted(file.attrs)
    with netCDF4.Dataset("file.h5") as data:
        return written, sorted(data.ncattrs())

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    written, alone = attributes(values=np.arange(3))
    _, beside = attributes(values=np.arange(3), mask=np.array([True, False]))
print("attributes for h5py:", written)
print("attributes for netCDF4:", alone)
print("attributes for netCDF4, with a mask in the file:", beside)
print("warnings:", len(caught))
assert alone == ["run"] and beside == written == ["checked", "run"] and not caught
END
PYTHONPATH=site python3 check.py
