#!/bin/sh
# Believed: a listing has all files of a folder, whatever their names.
# So: obstore leaves out local files whose names end in # and digits, as its own temporary ones do,
# and with it its classes for fsspec and zarr, without an error. fsspec and pyarrow list them.
# Matters: plates and animals are often numbered so: a copy of a folder to S3 misses these files, and
# whoever then compares both listings by the same library finds them equal.
# Versions: obstore 0.12.1, fsspec 2026.9.0, zarr 3.1.6, pyarrow 26.0.1.
# Output:
#   obstore: ['notes', 'plate#a']
#   obstore as fsspec: ['notes', 'plate#a']
#   obstore in zarr: ['notes', 'plate#a']
#   fsspec: ['notes', 'plate#1', 'plate#2', 'plate#a']
#   pyarrow: ['notes', 'plate#1', 'plate#2', 'plate#a']
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m pip install --quiet --disable-pip-version-check --no-compile --target site obstore==0.12.1 fsspec==2026.9.0 zarr==3.1.6 pyarrow==26.0.1
cat > check.py <<'END'
import asyncio, pathlib
import fsspec, obstore, pyarrow.fs
from obstore.fsspec import FsspecStore
from obstore.store import LocalStore
from zarr.storage import ObjectStore

NAMES = ["notes", "plate#1", "plate#2", "plate#a"]
folder = pathlib.Path("files").absolute()
folder.mkdir()
for name in NAMES:
    (folder / name).write_bytes(b"content")

def names(paths):
    return sorted(pathlib.PurePath(path).name for path in paths)

async def keys(store):
    return [key async for key in store.list()]

local = pyarrow.fs.LocalFileSystem()
found = {
    "obstore": names(one["path"] for page in obstore.list(LocalStore(folder)) for one in page),
    "obstore as fsspec": names(FsspecStore("file").find(str(folder))),
    "obstore in zarr": names(asyncio.run(keys(ObjectStore(LocalStore(folder))))),
    "fsspec": names(fsspec.filesystem("file").find(str(folder))),
    "pyarrow": names(one.path for one in local.get_file_info(pyarrow.fs.FileSelector(str(folder)))),
}
for name, there in found.items():
    print(f"{name}: {there}")
assert list(found.values()) == [["notes", "plate#a"]] * 3 + [NAMES, NAMES]
END
PYTHONPATH=site python3 check.py
