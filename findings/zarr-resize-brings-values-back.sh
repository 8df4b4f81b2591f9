#!/bin/sh
# Believed: what an array is cut off from is gone when the array grows again, as in HDF5: new
# elements have the fill value.
# So: zarr and tensorstore delete whole chunks only; values that share a chunk with kept ones come
# back. h5py returns zeros.
# Matters: cut-off data is still in the store and reappears: wrong results after an append, and no
# way to redact by shrinking.
# Versions: zarr 3.1.6, tensorstore 0.1.86, h5py 3.16.0, numpy 2.4.6.
# Output:
#   zarr: [1, 2, 3, 4, 0, 0]
#   tensorstore: [1, 2, 3, 4, 0, 0]
#   h5py: [1, 2, 0, 0, 0, 0]
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m pip install --quiet --disable-pip-version-check --no-compile --target site zarr==3.1.6 tensorstore==0.1.86 h5py==3.16.0 numpy==2.4.6
cat > check.py <<'END'
import h5py, numpy as np, tensorstore, zarr

DATA = np.arange(1, 7, dtype="int32")

array = zarr.create_array("zarr", shape=(6,), chunks=(4,), dtype="int32")
array[:] = DATA
array.resize((2,))
array.resize((6,))
by_zarr = array[:].tolist()

grid = {"name": "regular", "configuration": {"chunk_shape": [4]}}
store = tensorstore.open({
    "driver": "zarr3", "kvstore": {"driver": "file", "path": "tensorstore"}, "create": True,
    "metadata": {"shape": [6], "chunk_grid": grid, "data_type": "int32"}}).result()
store[...].write(DATA).result()
store = store.resize(exclusive_max=[2]).result()
store = store.resize(exclusive_max=[6]).result()
by_tensorstore = store[...].read().result().tolist()

with h5py.File("file.h5", "w") as file:
    dataset = file.create_dataset("d", data=DATA, chunks=(4,), maxshape=(None,))
    dataset.resize((2,))
    dataset.resize((6,))
    by_h5py = dataset[:].tolist()

print("zarr:", by_zarr)
print("tensorstore:", by_tensorstore)
print("h5py:", by_h5py)
assert by_zarr == by_tensorstore == [1, 2, 3, 4, 0, 0] and by_h5py == [1, 2, 0, 0, 0, 0]
END
PYTHONPATH=site python3 check.py
