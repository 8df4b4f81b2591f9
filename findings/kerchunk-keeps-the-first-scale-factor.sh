#!/bin/sh
# Believed: files that are combined by reference have the values that they have one by one, or cannot
# be combined: packed files, as weather archives have them, differ in their scale_factor.
# So: both libraries combine them without a warning. kerchunk, and virtualizarr by its default, keep
# the factor of the first file: the second 10.0 becomes 2.0. With combine_attrs="drop_conflicts" no
# factor is left. xarray decodes each file before it combines them, and virtualizarr refuses only with
# "no_conflicts".
# Matters: a data set of references over months of packed files has wrong numbers of the right order
# of magnitude in all months but the first.
# Versions: kerchunk 0.2.10, virtualizarr 2.5.1, xarray 2026.9.0, zarr 3.1.6, h5py 3.16.0, netCDF4
# 1.7.5.1.post1, obstore 0.12.1, fsspec 2026.9.0.
# Output, each for two files of the value 10.0:
#   xarray: [10.0, 10.0]
#   kerchunk: [10.0, 2.0]
#   virtualizarr, default: [10.0, 2.0]
#   virtualizarr, drop_conflicts: [100.0, 20.0]
#   virtualizarr, no_conflicts: MergeError
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m pip install --quiet --disable-pip-version-check --no-compile --target site kerchunk==0.2.10 virtualizarr==2.5.1 xarray==2026.9.0 zarr==3.1.6 h5py==3.16.0 netCDF4==1.7.5.1.post1 obstore==0.12.1 fsspec==2026.9.0 dask==2026.8.0
cat > check.py <<'END'
import pathlib, warnings
import fsspec, netCDF4, xarray, zarr
from kerchunk.combine import MultiZarrToZarr
from kerchunk.hdf import SingleHdf5ToZarr
from obspec_utils.registry import ObjectStoreRegistry
from obstore.store import LocalStore
from virtualizarr import open_virtual_dataset
from virtualizarr.parsers import HDFParser

NAMES = ("first.nc", "second.nc")
warnings.simplefilter("error", UserWarning)
for number, (name, factor) in enumerate(zip(NAMES, (0.1, 0.5))):
    with netCDF4.Dataset(name, "w") as file:
        file.createDimension("t", 1)
        file.createVariable("t", "i4", ("t",))[:] = [number]
        variable = file.createVariable("v", "i2", ("t",))
        variable.scale_factor = factor
        variable[:] = [10.0]

def values(references):
    files = fsspec.filesystem("reference", fo=references, asynchronous=True, remote_protocol="file")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        opened = xarray.open_zarr(zarr.storage.FsspecStore(files), consolidated=False, zarr_format=2)
        return opened.v.values.tolist()

def by_kerchunk():
    references = [SingleHdf5ToZarr(name).translate() for name in NAMES]
    return values(MultiZarrToZarr(references, concat_dims=["t"]).translate())

def by_virtualizarr(**options):
    registry = ObjectStoreRegistry({"file://": LocalStore()})
    parts = [open_virtual_dataset(pathlib.Path(name).absolute().as_uri(), registry=registry,
                                  parser=HDFParser(), loadable_variables=["t"]) for name in NAMES]
    try:
        xarray.concat(parts, dim="t", **options).vz.to_kerchunk("combined.json", format="json")
    except xarray.MergeError as error:
        return type(error).__name__
    return values("combined.json")

found = {
    "xarray": xarray.open_mfdataset(NAMES).v.values.tolist(),
    "kerchunk": by_kerchunk(),
    "virtualizarr, default": by_virtualizarr(),
    "virtualizarr, drop_conflicts": by_virtualizarr(combine_attrs="drop_conflicts"),
    "virtualizarr, no_conflicts": by_virtualizarr(combine_attrs="no_conflicts"),
}
for name, result in found.items():
    print(f"{name}: {result}")
assert list(found.values()) == [[10.0, 10.0], [10.0, 2.0], [10.0, 2.0], [100.0, 20.0], "MergeError"]
END
PYTHONPATH=site python3 check.py
