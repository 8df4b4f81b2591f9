#!/bin/sh
# Believed: what is appended to a Zarr store along one dimension is aligned to the labels of the
# others, as xarray.concat does, or refused; what is there keeps its labels and stays readable.
# So: only sizes are compared. The other labels are overwritten with the new ones, while values stay
# where they are: after an append of channels in another order, the values that were there have
# changed places. An append that lacks a variable succeeds as well, and leaves a store that xarray
# refuses to open.
# Matters: one batch with its channels, genes or latitudes in another order relabels all history,
# without a warning; one batch that misses a variable makes the store unreadable.
# Versions: xarray 2026.9.0, zarr 3.1.6, numpy 2.4.6.
# Output, of a row with 1 at 488 nm and 2 at 561 nm, and one with 20 at 561 nm and 10 at 488 nm:
#   to_zarr, first row: 488 nm: 2, 561 nm: 1
#   to_zarr, second row: 488 nm: 10, 561 nm: 20
#   xarray.concat, first row: 488 nm: 1, 561 nm: 2
#   warnings: 0
#   appended without a variable: ValueError
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m pip install --quiet --disable-pip-version-check --no-compile --target site xarray==2026.9.0 zarr==3.1.6 numpy==2.4.6
cat > check.py <<'END'
import warnings
import xarray

def batch(time, **values):
    """Return one row, with the wavelengths of its channels as labels: c488=1 is 1 at 488 nm."""
    labels = {"t": [time], "channel": [int(name[1:]) for name in values]}
    return xarray.Dataset({"x": (("t", "channel"), [list(values.values())])}, coords=labels)

def row(data, time):
    return ", ".join(f"{label} nm: {data.x.sel(t=time, channel=label).item()}" for label in (488, 561))

first, second = batch(0, c488=1, c561=2), batch(1, c561=20, c488=10)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    first.to_zarr("store", consolidated=False)
    second.to_zarr("store", append_dim="t", consolidated=False)
    first.assign(y=("t", [1])).to_zarr("other", consolidated=False)
    second.to_zarr("other", append_dim="t", consolidated=False)
appended = xarray.open_zarr("store", consolidated=False).load()
joined = xarray.concat([first, second], dim="t", join="outer")
try:
    xarray.open_zarr("other", consolidated=False)
    error = "no error"
except ValueError as raised:
    error = type(raised).__name__
print("to_zarr, first row:", row(appended, 0))
print("to_zarr, second row:", row(appended, 1))
print("xarray.concat, first row:", row(joined, 0))
print("warnings:", len(caught))
print("appended without a variable:", error)
assert [row(appended, 0), row(appended, 1)] == ["488 nm: 2, 561 nm: 1", "488 nm: 10, 561 nm: 20"]
assert row(joined, 0) == "488 nm: 1, 561 nm: 2" and error == "ValueError" and not caught
END
PYTHONPATH=site python3 check.py
