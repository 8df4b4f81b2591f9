#!/bin/sh
# Believed: kerchunk and virtualizarr refer to the values of any HDF5 dataset that they do not refuse.
# So: they refer to contiguous and chunked ones. A virtual dataset (of other files), one with external
# raw data, and a compact one (of up to 64 KiB, inside its header) get metadata without any chunk:
# they are read as the fill value, without a warning.
# Matters: detectors write the frames of a scan to several files and join them by a virtual dataset;
# served by reference, the whole scan is zeros, and so are small tables in its files.
# Versions: kerchunk 0.2.10, virtualizarr 2.5.1, zarr 3.1.6, h5py 3.16.0, numpy 2.4.6, obstore 0.12.1,
# fsspec 2026.9.0.
# Output, the first values of each:
#   contiguous: h5py [1, 2, 3], kerchunk [1, 2, 3], virtualizarr [1, 2, 3]
#   virtual: h5py [1, 2, 3], kerchunk [0, 0, 0], virtualizarr [0, 0, 0]
#   external: h5py [1, 2, 3], kerchunk [0, 0, 0], virtualizarr [0, 0, 0]
#   compact: h5py [1, 2, 3], kerchunk [0, 0, 0], virtualizarr [0, 0, 0]
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m pip install --quiet --disable-pip-version-check --no-compile --target site kerchunk==0.2.10 virtualizarr==2.5.1 zarr==3.1.6 h5py==3.16.0 numpy==2.4.6 obstore==0.12.1 fsspec==2026.9.0
cat > check.py <<'END'
import pathlib, warnings
import fsspec, h5py, numpy, zarr
from kerchunk.hdf import SingleHdf5ToZarr
from obspec_utils.registry import ObjectStoreRegistry
from obstore.store import LocalStore
from virtualizarr.parsers import HDFParser

VALUES = numpy.arange(1, 1001, dtype="int32")
warnings.simplefilter("error", UserWarning)
with h5py.File("source.h5", "w") as file:
    file["values"] = VALUES
with h5py.File("file.h5", "w") as file:
    file["contiguous"] = VALUES
    layout = h5py.VirtualLayout(VALUES.shape, VALUES.dtype)
    layout[:] = h5py.VirtualSource("source.h5", "values", VALUES.shape)
    file.create_virtual_dataset("virtual", layout)
    raw = [("values.bin", 0, h5py.h5f.UNLIMITED)]
    file.create_dataset("external", VALUES.shape, VALUES.dtype, external=raw)[:] = VALUES
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_layout(h5py.h5d.COMPACT)
    compact = h5py.h5d.create(file.id, b"compact", h5py.h5t.NATIVE_INT32,
                              h5py.h5s.create_simple(VALUES.shape), properties)
    compact.write(h5py.h5s.ALL, h5py.h5s.ALL, VALUES)

references = SingleHdf5ToZarr("file.h5").translate()
files = fsspec.filesystem("reference", fo=references, asynchronous=True, remote_protocol="file")
store = HDFParser()(url=pathlib.Path("file.h5").absolute().as_uri(),
                    registry=ObjectStoreRegistry({"file://": LocalStore()}))
readers = {
    "h5py": h5py.File("file.h5"),
    "kerchunk": zarr.open_group(zarr.storage.FsspecStore(files), mode="r", zarr_format=2),
    "virtualizarr": zarr.open_group(store, mode="r", zarr_format=3),
}
for name in ("contiguous", "virtual", "external", "compact"):
    found = {reader: opened[name][:3].tolist() for reader, opened in readers.items()}
    print(f"{name}:", ", ".join(f"{reader} {values}" for reader, values in found.items()))
    by_reference = [1, 2, 3] if name == "contiguous" else [0, 0, 0]
    assert list(found.values()) == [[1, 2, 3], by_reference, by_reference]
END
PYTHONPATH=site python3 check.py
