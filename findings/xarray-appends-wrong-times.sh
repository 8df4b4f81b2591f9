#!/bin/sh
# Believed: xarray appends a time to a Zarr store so that it is read back, or fails where the units of
# the store do not allow it, as it does for longer strings.
# So: days that were written first have the unit days and integers. A time with hours that is
# appended is encoded in minutes, as a warning says, while the store keeps the unit days: its number
# is read as a date years later. An integer above the type of the store wraps around, without a
# warning.
# Matters: a series that is appended to, by an hourly job say, has wrong times as soon as they are
# finer than those of the first write.
# Versions: xarray 2026.9.0, zarr 3.1.6, pandas 3.1.1, numpy 2.4.6.
# Output:
#   appended 2024-01-03T12:30, read 2033-12-09T00:00
#   appended 300 to int8, read 44
#   warned: True of times, False of integers
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m pip install --quiet --disable-pip-version-check --no-compile --target site xarray==2026.9.0 zarr==3.1.6 pandas==3.1.1 numpy==2.4.6
cat > check.py <<'END'
import warnings
import numpy
import xarray

def read_back(path, first, second):
    """Write one data set, append another, and return the values."""
    first.to_zarr(path, consolidated=False)
    second.to_zarr(path, append_dim="x", consolidated=False)
    return xarray.open_zarr(path, consolidated=False)["v"].values

def times(*values):
    return xarray.Dataset({"v": ("x", numpy.array(values, "datetime64[ns]"))})

def integers(kind, *values):
    return xarray.Dataset({"v": ("x", numpy.array(values, kind))})

def warned(path, first, second):
    """Return the last value that is read back, and whether a warning tells of the encoding."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        value = read_back(path, first, second)[-1]
    return value, any("serialized" in str(one.message) or "cast" in str(one.message) for one in caught)

time, of_times = warned("times", times("2024-01-01", "2024-01-02"), times("2024-01-03T12:30"))
integer, of_integers = warned("integers", integers("int8", 1, 2), integers("int64", 300))
print("appended 2024-01-03T12:30, read", numpy.datetime_as_string(time, unit="m"))
print("appended 300 to int8, read", integer)
print(f"warned: {of_times} of times, {of_integers} of integers")
assert (str(time.astype("M8[m]")), integer, of_times, of_integers) == ("2033-12-09T00:00", 44, True, False)
END
PYTHONPATH=site python3 check.py
