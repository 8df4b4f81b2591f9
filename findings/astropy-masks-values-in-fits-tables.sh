#!/bin/sh
# Believed: a FITS table of astropy keeps which values of a column are masked, as its other formats
# do; what it writes for them lies outside of the data.
# So: astropy writes 999999 for masked integers, cut to the type of the column: 63 in uint8, 16959 in
# int16. It tells readers that this number means no value, without a look at the data: each true 63 is
# masked afterwards. The mask of booleans is dropped: a masked one is read as a value. No warning is
# given. HDF5, by the same Table.write, keeps all.
# Matters: one masked pixel or event takes all counts of 63 from the sums, and flags that were unknown
# become known.
# Versions: astropy 8.0.2, h5py 3.16.0, numpy 2.4.6.
# Output, of a column whose first value is masked:
#   uint8 [-, 63, 3]: FITS [-, -, 3], HDF5 [-, 63, 3]
#   int16 [-, 16959, 3]: FITS [-, -, 3], HDF5 [-, 16959, 3]
#   bool [-, False, True]: FITS [True, False, True], HDF5 [-, False, True]
#   warnings: 0
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m pip install --quiet --disable-pip-version-check --no-compile --target site astropy==8.0.2 h5py==3.16.0 numpy==2.4.6
cat > check.py <<'END'
import warnings
import numpy
from astropy.table import MaskedColumn, Table

def text(column):
    return "[{}]".format(", ".join("-" if value is numpy.ma.masked else str(value) for value in column))

def write_and_read(column, name, **options):
    """Return the column of a table that is written to a file and read from it."""
    Table({"x": column}).write(name, overwrite=True, **options)
    return text(Table.read(name)["x"])

found = {}
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    for kind, values in (("uint8", [1, 63, 3]), ("int16", [1, 16959, 3]), ("bool", [True, False, True])):
        column = MaskedColumn(numpy.array(values, kind), mask=[True, False, False])
        found[f"{kind} {text(column)}"] = (
            write_and_read(column, "table.fits"),
            write_and_read(column, "table.h5", path="table", serialize_meta=True))
for name, (fits, hdf5) in found.items():
    print(f"{name}: FITS {fits}, HDF5 {hdf5}")
print("warnings:", len(caught))
assert [fits for fits, _ in found.values()] == ["[-, -, 3]", "[-, -, 3]", "[True, False, True]"]
assert all(name.endswith(hdf5) for name, (_, hdf5) in found.items()) and not caught
END
PYTHONPATH=site python3 check.py
