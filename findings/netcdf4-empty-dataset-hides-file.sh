#!/bin/sh
# Believed: netCDF4 skips a dataset of an HDF5 file that it has no type for, as it does for opaque
# data.
# So: one dataset without values, as h5py.Empty writes it, makes the whole file unreadable:
# NetCDF: HDF error. An attribute of that kind is read.
# Matters: a writer that marks an absent value takes all other data of the file from netCDF
# readers, and the message does not name the dataset.
# Versions: h5py 3.16.0, netCDF4 1.7.5.1.post1.
# Output:
#   opaque dataset: ['values']
#   empty attribute: ['values']
#   empty dataset: [Errno -101] NetCDF: HDF error
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m pip install --quiet --disable-pip-version-check --no-compile --target site h5py==3.16.0 netCDF4==1.7.5.1.post1
cat > check.py <<'END'
import warnings
import h5py, netCDF4, numpy as np

def names(write):
    with h5py.File("file.h5", "w") as file:
        file["values"] = np.arange(3)
        write(file)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with netCDF4.Dataset("file.h5") as data:
                return str(list(data.variables))
    except OSError as error:
        return str(error).split(": '")[0]

def opaque(file):
    file["other"] = np.array([b"ab"], dtype="V2")

def attribute(file):
    file.attrs["note"] = h5py.Empty("f8")

def empty(file):
    file["other"] = h5py.Empty("f8")

found = [names(write) for write in (opaque, attribute, empty)]
print("opaque dataset:", found[0])
print("empty attribute:", found[1])
print("empty dataset:", found[2])
assert found[0] == found[1] == "['values']" and "HDF error" in found[2]
END
PYTHONPATH=site python3 check.py
