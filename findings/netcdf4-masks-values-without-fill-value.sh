#!/bin/sh
# Believed: without a fill value in the file, every number of an HDF5 dataset is data.
# So: netCDF4 masks a number that equals its built-in default fill value for the type, -32767 for
# int16, in a file that h5py wrote without any fill value; int8 has no such number.
# Matters: a valid sample at the edge of a digitizer's range disappears from means and counts.
# Versions: h5py 3.16.0, netCDF4 1.7.5.1.post1.
# Output:
#   h5py: [-32768, -32767, 5]
#   netCDF4: [-32768, None, 5]
#   int8: [-128, -127, 5]
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m pip install --quiet --disable-pip-version-check --no-compile --target site h5py==3.16.0 netCDF4==1.7.5.1.post1
cat > check.py <<'END'
import h5py, netCDF4, numpy as np

with h5py.File("file.h5", "w") as file:
    file["samples"] = np.array([-32768, -32767, 5], dtype="int16")
    file["bytes"] = np.array([-128, -127, 5], dtype="int8")
    written = file["samples"][:].tolist()
with netCDF4.Dataset("file.h5") as data:
    assert "_FillValue" not in data["samples"].ncattrs()
    samples, small = data["samples"][:].tolist(), data["bytes"][:].tolist()
print("h5py:", written)
print("netCDF4:", samples)
print("int8:", small)
assert samples == [-32768, None, 5] and small == [-128, -127, 5]
END
PYTHONPATH=site python3 check.py
