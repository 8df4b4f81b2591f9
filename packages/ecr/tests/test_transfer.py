"""Blob transfers between two real registries, over connections that fail."""

from __future__ import annotations

import hashlib
import json
import sys
from urllib.parse import quote

import pytest
from aibs_informatics_aws_lambda.common.exceptions import ValidationError
from aibs_informatics_aws_lambda.handlers.ecr import transfer
from aibs_informatics_aws_lambda.handlers.ecr.manifest import Descriptor
from aibs_informatics_aws_lambda.handlers.ecr.registry import connection, retries
from aibs_informatics_aws_lambda.handlers.ecr.registry.distribution import (
    DistributionRegistryClient,
    DistributionUpload,
)
from aibs_informatics_aws_lambda.handlers.ecr.registry.protocol import (
    InterruptedTransferError,
    RegistryError,
)
from aibs_informatics_aws_lambda.handlers.ecr.replication import Replication, make_plan
from registry import digest_of

MIB = 1 << 20
LAYER = bytes(range(256)) * (3 * MIB // 256)
PEAK_MB = 120


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(transfer, "_FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(connection, "backoff", lambda _: 0.01)
    monkeypatch.setattr(retries._Retry, "get_backoff_time", lambda _: 0.0)


def replicate(there, here, name, reference="v1", progress=None):
    source, target = (DistributionRegistryClient(one.url, name) for one in (there, here))
    plan = make_plan(source, source.get_manifest(reference))
    return Replication(source, target, progress or transfer.NullProgress()).run(plan, ["v1"])


@pytest.fixture
def digest(source, name):
    """The digest of an image with a layer of 3 MiB, tagged v1 in the source."""
    return source.push_image(name, LAYER, tag="v1")


def assert_copied(target, name, digest):
    assert target.tags(name) == {"v1": digest}
    assert target.blob(name, digest_of(LAYER)) == LAYER
    assert target.open_uploads(name) == []


def test_interrupted_download_is_resumed(source, target, name, digest, proxy_of, fault):
    there = proxy_of(source, fault("GET", digest_of(LAYER), cut_response=MIB, times=2))
    here = proxy_of(target)

    replicate(there, here, name)

    assert_copied(target, name, digest)
    ranges = [h.get("Range") for _, path, h in there.requests if path.endswith(digest_of(LAYER))]
    assert ranges == [None, f"bytes={MIB}-", f"bytes={2 * MIB}-"]
    assert len(here.made("PATCH")) == 1, "the upload session stays open"


def test_interrupted_download_restarts_if_the_registry_does_not_support_ranges(
    source, target, name, digest, proxy_of, fault
):
    whole = fault("GET", digest_of(LAYER), status=200, body=LAYER)
    there = proxy_of(source, fault("GET", digest_of(LAYER), cut_response=MIB), whole)
    here = proxy_of(target)

    replicate(there, here, name)

    assert target.tags(name) == {"v1": digest}
    assert target.blob(name, digest_of(LAYER)) == LAYER
    assert len(here.made("PATCH")) == 2, "the layer twice"


def test_download_fails_after_repeated_interruptions(
    source, target, name, digest, proxy_of, fault
):
    there = proxy_of(source, fault("GET", digest_of(LAYER), cut_response=0, times=99))

    with pytest.raises(RegistryError, match=r"interrupted 5 times at byte 0 of 3145728"):
        replicate(there, target, name)

    assert target.tags(name) == {}
    assert target.open_uploads(name) == []
    assert len(there.made("GET", digest_of(LAYER))) == 5


@pytest.mark.parametrize("size", [0, MIB, 3 * MIB - 1])
def test_interrupted_upload_restarts_in_a_new_session(
    source, target, name, digest, proxy_of, fault, size
):
    here = proxy_of(target, fault("PATCH", "", cut_request=size, times=1))

    replicate(source, here, name)

    assert target.tags(name) == {"v1": digest}
    assert target.blob(name, digest_of(LAYER)) == LAYER
    assert len(here.made("POST")) == 3


def test_upload_fails_after_repeated_interruptions(source, target, name, digest, proxy_of, fault):
    here = proxy_of(target, fault("PATCH", "", cut_request=MIB, times=99))

    with pytest.raises(
        InterruptedTransferError, match=f"cannot upload the blob {digest_of(LAYER)}"
    ):
        replicate(source, here, name)

    assert target.tags(name) == {}
    assert target.blob(name, digest_of(LAYER)) is None


@pytest.mark.parametrize("status", [429, 500, 503])
@pytest.mark.parametrize("method", ["HEAD", "POST", "PATCH", "PUT"])
def test_transient_errors_of_the_destination_are_retried(
    source, target, name, digest, proxy_of, fault, method, status
):
    here = proxy_of(target, fault(method, "", status=status))

    replicate(source, here, name)

    assert target.tags(name) == {"v1": digest}
    assert target.blob(name, digest_of(LAYER)) == LAYER


def test_lost_response_to_a_commit_transfers_the_blob_once(
    source, target, name, digest, proxy_of, fault
):
    here = proxy_of(target, fault("PUT", "/uploads/", status=503, times=2, late=True))

    replicate(source, here, name)

    assert_copied(target, name, digest)
    assert len(here.made("PATCH")) == 1


def test_partially_received_upload_is_repeated(source, target, name, digest, proxy_of, fault):
    here = proxy_of(target, fault("PATCH", "", status=202, headers=(("Range", "0-9"),)))

    replicate(source, here, name)

    assert target.blob(name, digest_of(LAYER)) == LAYER
    assert len(here.made("PATCH")) == 2


@pytest.mark.parametrize(
    "stated", [f"0-{len(LAYER)}", f"bytes=0-{len(LAYER) - 1}", f"{len(LAYER)}", "0--1", ""]
)
def test_range_of_an_upload_in_another_form_is_no_interruption(stated):
    """Registries differ in the form, and some state the size as the last byte."""
    requests = []

    class Registry:
        def send_once(self, action, method, url, **_):
            requests.append((method, url))
            return connection.Response(202, {"Range": stated, "Location": "/2?state=2"}, url)

    started = connection.Response(202, {"Location": "/1"}, "http://registry/v2/")
    upload = DistributionUpload(Registry(), "upload it", started)

    upload.send([LAYER], len(LAYER))
    upload.commit("sha256:1")

    assert requests == [
        ("PATCH", "http://registry/1"),
        ("PUT", "http://registry/2?state=2&digest=sha256%3A1"),
    ]


def test_denied_upload_shows_the_message_of_the_registry(
    source, target, name, digest, proxy_of, fault
):
    body = json.dumps({"errors": [{"code": "DENIED", "message": "no push for you"}]}).encode()
    here = proxy_of(target, fault("POST", "", status=403, body=body, times=9))

    with pytest.raises(RegistryError, match=r"403 DENIED: no push for you. Check the name"):
        replicate(source, here, name)


def test_rejected_upload_is_not_retried(source, target, name, digest, proxy_of, fault):
    here = proxy_of(target, fault("PATCH", "", status=404, times=9))

    with pytest.raises(RegistryError, match="404"):
        replicate(source, here, name)

    assert len(here.made("PATCH")) <= 2


def test_truncated_manifest_is_read_again(source, target, name, digest, proxy_of, fault):
    there = proxy_of(source, fault("GET", "/manifests/", cut_response=100, times=2))

    replicate(there, target, name)

    assert_copied(target, name, digest)
    assert len(there.made("GET", "/manifests/")) == 3


def test_invalid_manifest_is_reported_with_its_image(
    source, target, name, digest, proxy_of, fault
):
    there = proxy_of(source, fault("GET", "/manifests/", status=200, body=b"<html>"))

    with pytest.raises(ValidationError, match=f"cannot copy .*/{name}:v1: .* is not JSON"):
        replicate(there, target, name)


def test_download_denied_by_the_storage_is_retried_with_a_new_url(
    source, target, name, digest, proxy_of, fault
):
    path = f"/v2/{name}/blobs/{digest_of(LAYER)}"
    storage = proxy_of(source, fault("GET", path, status=403, body=b"Request has expired"))
    redirect = fault("GET", path, status=307, headers=(("Location", storage.url + path),), times=9)
    there = proxy_of(source, redirect)

    replicate(there, target, name)

    assert_copied(target, name, digest)
    assert len(there.made("GET", path)) == 2


def test_download_denied_by_the_registry_is_not_retried(
    source, target, name, digest, proxy_of, fault
):
    path = f"/v2/{name}/blobs/{digest_of(LAYER)}"
    there = proxy_of(source, fault("GET", path, status=403, times=9))

    with pytest.raises(RegistryError, match=r"403\. Check the name"):
        replicate(there, target, name)

    assert len(there.made("GET", path)) == 1


def test_blob_is_sent_in_one_request_without_content_range(source, target, name, digest, proxy_of):
    here = proxy_of(target)

    replicate(source, here, name)

    sent = [headers for method, _, headers in here.requests if method == "PATCH"]
    assert sorted(int(headers["Content-Length"]) for headers in sent)[-1] == len(LAYER)
    assert not any("Content-Range" in headers for headers in sent)


def test_mounts_are_requested_concurrently_and_rejected_ones_uploaded(
    source, name, proxy_of, fault
):
    layers = [bytes([number]) * MIB for number in range(8)]
    digest = source.push_image(name, *layers, tag="v1")
    proxy = proxy_of(source)
    for number in range(3):
        opened = source.open_upload(f"{name}/copy").replace(source.url, proxy.url)
        mount = f"mount={quote(digest_of(layers[number]), safe='')}"
        proxy.faults.append(fault("POST", mount, status=202, headers=(("Location", opened),)))
    client, copy = (DistributionRegistryClient(proxy.url, one) for one in (name, f"{name}/copy"))

    report = Replication(client, copy).run(make_plan(client, client.get_manifest("v1")), ["v1"])

    assert report.plan.root.digest == digest
    assert (report.mounted, len(report.transfers)) == (6, 9)
    for layer in layers:
        assert source.blob(f"{name}/copy", digest_of(layer)) == layer


def test_config_of_more_than_8_mib_is_not_read():
    with pytest.raises(RegistryError, match="more than 8 MiB"):
        transfer.read_blob(Descriptor(digest_of(b""), (8 << 20) + 1), None)


def test_small_blob_is_sent_in_one_put(source, target, name, proxy_of):
    digest = source.push_image(name, b"small layer", tag="v1")
    there, here = proxy_of(source), proxy_of(target)

    replicate(there, here, name)

    assert target.tags(name) == {"v1": digest}
    assert target.blob(name, digest_of(b"small layer")) == b"small layer"
    assert not here.made("PATCH")
    assert len(here.made("POST")) == len(here.made("PUT", "/uploads/")) == 2, "one per blob"
    assert len(here.made("HEAD")) == 2, "the registry confirmed the digests of both uploads"


def test_small_damaged_blob_is_never_sent(source, target, name, proxy_of, fault):
    layer = b"small layer\0"
    source.push_image(name, layer, tag="v1")
    there = proxy_of(source, fault("GET", digest_of(layer), damage=True))
    here = proxy_of(target)

    with pytest.raises(RegistryError, match=f"{digest_of(layer)}.*damaged in the source"):
        replicate(there, here, name)

    assert not here.made("PUT", digest_of(layer))
    assert target.open_uploads(name) == []


@pytest.mark.parametrize("cut", [0, 5])
def test_interrupted_upload_of_a_small_blob_is_repeated(
    source, target, name, proxy_of, fault, cut
):
    layer = b"small layer of an interrupted upload"
    digest = source.push_image(name, layer, tag="v1")
    here = proxy_of(target, fault("PUT", "/uploads/", cut_request=cut))

    replicate(source, here, name)

    assert target.tags(name) == {"v1": digest}
    assert target.blob(name, digest_of(layer)) == layer


def test_blobs_are_transferred_concurrently(source, target, name, proxy_of, fault):
    layers = [bytes([number]) * MIB for number in range(8)]
    source.push_image(name, *layers, tag="v1")
    there = proxy_of(source, fault("GET", "/blobs/", slow=0.01, times=99))
    watched = _Watch()

    replicate(there, target, name, progress=watched)

    assert len(watched.finished) == 9
    assert 1 < watched.most <= 9, "eight layers and the small config"
    config = source.manifest(name, "v1")["config"]
    assert watched.planned == sum(map(len, layers)) + config["size"]


class _Watch:
    """Counts the blobs in flight."""

    def __init__(self):
        self.open, self.finished, self.most, self.planned = set(), [], 0, 0

    def begin(self, blobs):
        self.planned = sum(blob.size for blob in blobs)

    def advance(self, blob, done):
        self.open.add(blob.digest)
        self.most = max(self.most, len(self.open))

    def finish(self, blob):
        self.open.discard(blob.digest)
        self.finished.append(blob.digest)


def test_failure_of_one_blob_cancels_the_others(source, target, name, proxy_of, fault):
    bad = b"\0bad" * 1000
    layers = [bytes([number]) * 4 * MIB for number in range(1, 5)]
    source.push_image(name, bad, *layers, tag="v1")
    there = proxy_of(source, fault("GET", digest_of(bad), damage=True, times=9))

    with pytest.raises(RegistryError, match=digest_of(bad)):
        replicate(there, target, name)

    assert target.tags(name) == {}
    assert target.blob(name, digest_of(bad)) is None


MEASURE = """
import sys
from urllib.parse import quote
from pathlib import Path
from aibs_informatics_aws_lambda.handlers.ecr.cli import main
status = main()
# Not getrusage: its value starts at the peak of the parent process.
peak = Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]
print(status, peak, file=sys.stderr)
"""


def peak_mb_of_copying(source, target, name, run_command):
    """Copy v1 in a separate process and return its peak memory, in MB."""
    locations = f"{source.url}/{name}:v1", f"{target.url}/{name}:v1"
    result = run_command(sys.executable, "-c", MEASURE, *locations)
    status, peak_kib = result.stderr.split()[-2:]
    assert status == "0", result.stderr
    return int(peak_kib) * 1024 / 1e6


def noise(size):
    """Yield ``size`` bytes that differ from MiB to MiB."""
    return (number.to_bytes(8, "big") * (MIB // 8) for number in range(size // MIB))


@pytest.mark.parametrize(
    "size",
    [
        pytest.param(64 * MIB, id="64MiB"),
        pytest.param(1024 * MIB, id="1GiB", marks=pytest.mark.heavy),
    ],
)
def test_memory_does_not_depend_on_the_size_of_a_layer(source, target, name, run_command, size):
    layer = source.push_blob(name, noise(size), size)
    digest = source.push_image(name, tag="v1", layers=[layer])

    assert peak_mb_of_copying(source, target, name, run_command) < PEAK_MB

    assert target.tags(name) == {"v1": digest}
    with target.blob_file(layer["digest"]).open("rb") as stored:
        assert f"sha256:{hashlib.file_digest(stored, 'sha256').hexdigest()}" == layer["digest"]


def test_memory_is_bounded_with_several_layers_in_flight(source, target, name, run_command):
    layers = [
        source.push_blob(name, (bytes([n]) + piece[1:] for piece in noise(24 * MIB)), 24 * MIB)
        for n in range(6)
    ]
    source.push_image(name, tag="v1", layers=layers)

    assert peak_mb_of_copying(source, target, name, run_command) < PEAK_MB
