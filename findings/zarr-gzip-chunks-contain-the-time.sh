#!/bin/sh
# Believed: equal values that are written with equal options give equal chunks.
# So: with gzip, zarr writes the time of the compression into each chunk, in version 2 and 3 of the
# format: the bytes change with each second. Chunks of tensorstore with gzip, of zarr with zstd, and
# HDF5 files with gzip are equal.
# Matters: a job that runs again changes every checksum: a sync transfers the whole array, and storage
# by content keeps it twice.
# Versions: zarr 3.1.6, numcodecs 0.16.6, tensorstore 0.1.86, h5py 3.16.0, numpy 2.4.6.
# Output, of the same values written twice, two seconds apart:
#   zarr, format 2, gzip: chunks differ in bytes 4 to 7
#   zarr, format 3, gzip: chunks differ in bytes 4 to 7
#   zarr, format 3, zstd: chunks are equal
#   tensorstore, format 3, gzip: chunks are equal
#   h5py, gzip: files are equal
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m pip install --quiet --disable-pip-version-check --no-compile --target site zarr==3.1.6 numcodecs==0.16.6 tensorstore==0.1.86 h5py==3.16.0 numpy==2.4.6
cat > check.py <<'END'
import pathlib, time
import h5py, numcodecs, numpy, tensorstore, zarr
from zarr.codecs import GzipCodec, ZstdCodec

VALUES = numpy.arange(1000, dtype="int32")

def by_zarr(path, version, codec):
    zarr.create_array(path, data=VALUES, chunks=VALUES.shape, zarr_format=version, compressors=codec)
    return pathlib.Path(path, "0" if version == 2 else "c/0").read_bytes()

def by_tensorstore(path):
    codecs = [{"name": "bytes", "configuration": {"endian": "little"}},
              {"name": "gzip", "configuration": {"level": 5}}]
    tensorstore.open({"driver": "zarr3", "kvstore": {"driver": "file", "path": path}, "create": True,
                      "metadata": {"shape": VALUES.shape, "data_type": "int32", "codecs": codecs}}
                     ).result().write(VALUES).result()
    return pathlib.Path(path, "c/0").read_bytes()

def by_h5py(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("values", data=VALUES, compression="gzip")
    return pathlib.Path(path).read_bytes()

writers = {
    "zarr, format 2, gzip: chunks": lambda path: by_zarr(path, 2, numcodecs.GZip()),
    "zarr, format 3, gzip: chunks": lambda path: by_zarr(path, 3, GzipCodec()),
    "zarr, format 3, zstd: chunks": lambda path: by_zarr(path, 3, ZstdCodec()),
    "tensorstore, format 3, gzip: chunks": by_tensorstore,
    "h5py, gzip: files": by_h5py,
}
first = [write(f"first-{number}") for number, write in enumerate(writers.values())]
time.sleep(2)
second = [write(f"second-{number}") for number, write in enumerate(writers.values())]
differences = [[n for n, (a, b) in enumerate(zip(one, other)) if a != b] for one, other in zip(first, second)]
for name, places in zip(writers, differences):
    print(name, "differ in bytes 4 to 7" if places else "are equal")
assert [bool(places) for places in differences] == [True, True, False, False, False]
assert all(4 <= place < 8 for places in differences for place in places)
assert list(map(len, first)) == list(map(len, second))
END
PYTHONPATH=site python3 check.py
