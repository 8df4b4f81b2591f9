#!/bin/sh
# Believed: tensorstore and CloudVolume share a precomputed volume on a disk, as they share the
# format; and CloudVolume reads what it has written.
# So: CloudVolume writes a chunk to NAME.gz, which tensorstore does not look at: it reads zeros. Where
# tensorstore wrote NAME before, both files exist afterwards, and CloudVolume itself reads NAME: its
# own write is without an effect for either library. No error is raised, fill_missing is off.
# Matters: a volume in which two pipelines correct each other's chunks goes back to old values, and an
# upload of the folder by any tool takes both files along.
# Versions: cloud-volume 12.15.2, tensorstore 0.1.86, numpy 2.4.6.
# Output:
#   new volume: CloudVolume wrote 1, CloudVolume reads [1], tensorstore reads [0]
#   files: ['0-4_0-4_0-4.gz']
#   volume of tensorstore: CloudVolume wrote 2, CloudVolume reads [1], tensorstore reads [1]
#   files: ['0-4_0-4_0-4', '0-4_0-4_0-4.gz']
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m pip install --quiet --disable-pip-version-check --no-compile --target site cloud-volume==12.15.2 tensorstore==0.1.86 numpy==2.4.6
cat > check.py <<'END'
import pathlib
import cloudvolume, numpy, tensorstore

def values(number):
    return numpy.full((4, 4, 4, 1), number, "uint8")

def open_cloud_volume(path):
    return cloudvolume.CloudVolume(path.absolute().as_uri(), progress=False)

def open_tensorstore(path, **options):
    spec = {"driver": "neuroglancer_precomputed", "kvstore": {"driver": "file", "path": str(path)}}
    return tensorstore.open({**spec, **options}).result()

def write_and_read(path, number):
    """Write by CloudVolume, and return what each library reads, and the files."""
    open_cloud_volume(path)[:] = values(number)
    by_cloud_volume = numpy.unique(open_cloud_volume(path)[:]).tolist()
    by_tensorstore = numpy.unique(open_tensorstore(path)[...].read().result()).tolist()
    return by_cloud_volume, by_tensorstore, sorted(file.name for file in path.glob("1_1_1/*"))

new, existing = pathlib.Path("new"), pathlib.Path("existing")
info = cloudvolume.CloudVolume.create_new_info(
    num_channels=1, layer_type="image", data_type="uint8", encoding="raw", resolution=(1, 1, 1),
    voxel_offset=(0, 0, 0), volume_size=(4, 4, 4), chunk_size=(4, 4, 4))
cloudvolume.CloudVolume(new.absolute().as_uri(), info=info).commit_info()
scale = {"size": [4, 4, 4], "encoding": "raw", "chunk_size": [4, 4, 4], "resolution": [1, 1, 1]}
image = {"data_type": "uint8", "num_channels": 1, "type": "image"}
open_tensorstore(existing, create=True, multiscale_metadata=image, scale_metadata=scale).write(values(1)).result()

found = []
for name, path, number in (("new volume", new, 1), ("volume of tensorstore", existing, 2)):
    found.append(write_and_read(path, number))
    print("{}: CloudVolume wrote {}, CloudVolume reads {}, tensorstore reads {}\nfiles: {}".format(
        name, number, *found[-1]))
chunk = "0-4_0-4_0-4"
assert found == [([1], [0], [f"{chunk}.gz"]), ([1], [1], [chunk, f"{chunk}.gz"])]
END
PYTHONPATH=site python3 check.py
