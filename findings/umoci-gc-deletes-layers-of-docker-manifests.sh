#!/bin/sh
# Believed: umoci gc keeps what a tagged manifest of an OCI layout refers to, or stops at a type that
# it does not know.
# So: it does not look into manifests of the Docker type, which tools that copy images as they are
# leave in layouts: it deletes their configuration and layers, keeps the manifest and its tag, and
# exits with 0. An artifact with layers and a configuration of types of its own is kept.
# Matters: a clean-up of a mirror deletes the only copy of an image, which is still listed.
# Versions: umoci 0.4.7+ds-3+b7 (Debian).
# Output:
#   OCI manifest: status 0, blobs 3 before, 3 after
#   OCI manifest of an artifact: status 0, blobs 3 before, 3 after
#   Docker manifest: status 0, blobs 3 before, 1 after
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get download -qq umoci=0.4.7+ds-3+b7
dpkg -x umoci_*.deb umoci
cat > check.py <<'END'
import hashlib, json, pathlib, subprocess

OCI, DOCKER = "application/vnd.oci.image.", "application/vnd.docker."
KINDS = {
    "OCI manifest": (OCI + "manifest.v1+json", OCI + "config.v1+json", OCI + "layer.v1.tar+gzip"),
    "OCI manifest of an artifact": (OCI + "manifest.v1+json", "application/vnd.oci.empty.v1+json", "text/csv"),
    "Docker manifest": (DOCKER + "distribution.manifest.v2+json", DOCKER + "container.image.v1+json",
                        DOCKER + "image.rootfs.diff.tar.gzip"),
}

def collect(layout, manifest_type, config_type, layer_type):
    """Make a layout with one tagged manifest, and return what is left of its blobs."""
    blobs = layout / "blobs/sha256"
    blobs.mkdir(parents=True)

    def add(content, kind):
        name = hashlib.sha256(content).hexdigest()
        (blobs / name).write_bytes(content)
        return {"mediaType": kind, "digest": f"sha256:{name}", "size": len(content)}

    config = add(b"{}", config_type)
    manifest = {"schemaVersion": 2, "mediaType": manifest_type, "config": config, "layers": [add(b"layer", layer_type)]}
    tagged = add(json.dumps(manifest).encode(), manifest_type)
    tagged["annotations"] = {"org.opencontainers.image.ref.name": "latest"}
    (layout / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [tagged]}))
    before = len(list(blobs.iterdir()))
    status = subprocess.run(["umoci/usr/bin/umoci", "gc", "--layout", layout], stderr=subprocess.DEVNULL).returncode
    return status, before, len(list(blobs.iterdir()))

found = []
for number, (name, types) in enumerate(KINDS.items()):
    found.append(collect(pathlib.Path(f"layout-{number}"), *types))
    print("{}: status {}, blobs {} before, {} after".format(name, *found[-1]))
assert found == [(0, 3, 3), (0, 3, 3), (0, 3, 1)]
END
python3 check.py
