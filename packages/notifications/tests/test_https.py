from __future__ import annotations

import datetime
import socket
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from aibs_informatics_aws_lambda.common.exceptions import ValidationError
from aibs_informatics_aws_lambda.handlers.notifications import https
from aibs_informatics_aws_lambda.handlers.notifications.https import post
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


@pytest.fixture
def pauses(monkeypatch):
    made = []
    monkeypatch.setattr("time.sleep", made.append)
    return made


def test_the_response_of_the_endpoint_is_returned(endpoint):
    endpoint.responses = [(400, {}, b"invalid_payload")]

    response = post(f"{endpoint.url}/hook?a=1", b"{}", {"X-Test": "1"})

    (request,) = endpoint.requests
    assert (response.status, response.body) == (400, b"invalid_payload")
    assert (request.path, request.body, request.headers["X-Test"]) == ("/hook?a=1", b"{}", "1")


@pytest.mark.parametrize("status", [429, 500, 503])
def test_transient_errors_are_retried(endpoint, pauses, status):
    endpoint.responses = [(status, {}, b"")] * 2

    assert post(endpoint.url, b"", {}).status == 200
    assert len(endpoint.requests) == 3
    assert 0.5 <= pauses[0] <= 1 <= pauses[1] <= 2


def test_the_last_transient_error_is_returned(endpoint, pauses):
    endpoint.responses = [(503, {}, b"")] * 9

    assert post(endpoint.url, b"", {}).status == 503
    assert len(endpoint.requests) == 4


@pytest.mark.parametrize(("header", "pause"), [("7", 7), ("86400", 30)])
def test_retry_after_is_respected_up_to_30_seconds(endpoint, pauses, header, pause):
    endpoint.responses = [(429, {"Retry-After": header}, b"")]

    post(endpoint.url, b"", {})

    assert pauses == [pause]


def test_an_unreachable_endpoint_is_an_error_after_retries(monkeypatch, pauses):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        monkeypatch.setenv("WEBHOOK_PRIVATE_HOSTS", "127.0.0.1")

        with pytest.raises(OSError, match="refused"):
            post(f"http://127.0.0.1:{port}", b"", {})

    assert len(pauses) == 3


def test_redirects_are_not_followed(endpoint):
    endpoint.responses = [(302, {"Location": f"{endpoint.url}/other"}, b"")]

    assert post(endpoint.url, b"", {}).status == 302
    assert len(endpoint.requests) == 1


@pytest.mark.parametrize(
    "url",
    [
        *("http://example.org/", "ftp://example.org/", "https:///path", "https://host:port/"),
        *("https://user:password@example.org/", "file:///etc/passwd", ""),
    ],
)
def test_an_invalid_url_is_rejected_without_repeating_it(url):
    with pytest.raises(ValidationError) as error:
        post(url, b"", {})

    assert "example.org" not in str(error.value)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0"),
        *("100.64.0.1", "192.0.2.1", "224.0.0.1", "255.255.255.255"),
        *("::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1"),
        *("::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a00:1", "2002:a00:1::"),
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    ],
)
def test_private_addresses_are_rejected(address, monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(0, 0, 0, "", (address, 443))])

    with pytest.raises(ValidationError, match="not a public address"):
        post("https://example.org/", b"", {})


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "64:ff9b::808:808"]
)
def test_public_addresses_are_accepted(address):
    https.check_public("example.org", [address])


def test_a_host_with_a_public_and_a_private_address_is_rejected():
    with pytest.raises(ValidationError, match=r"cannot reach example\.org: 10\.0\.0\.1"):
        https.check_public("example.org", ["93.184.216.34", "10.0.0.1"])


@pytest.fixture
def tls_endpoint(monkeypatch, tmp_path):
    """An HTTPS server named localhost, whose certificate is trusted."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    key_format = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (tmp_path / "key.pem").write_bytes(key.private_bytes(pem, *key_format))
    (tmp_path / "certificate.pem").write_bytes(certificate.public_bytes(pem))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tmp_path / "certificate.pem", tmp_path / "key.pem")
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        trusting = ssl.create_default_context(cafile=tmp_path / "certificate.pem")
        monkeypatch.setattr(https, "_tls_context", lambda: trusting)
        monkeypatch.setenv("WEBHOOK_PRIVATE_HOSTS", "LOCALHOST, 127.0.0.1")
        yield server.server_port
        server.shutdown()


def test_https_endpoints_are_reached(tls_endpoint):
    assert post(f"https://localhost:{tls_endpoint}/", b"{}", {}).status == 200


def test_a_certificate_of_another_host_is_rejected(tls_endpoint, pauses):
    with pytest.raises(ssl.SSLCertVerificationError):
        post(f"https://127.0.0.1:{tls_endpoint}/", b"{}", {})


def test_the_checked_address_is_the_one_that_is_connected_to(tls_endpoint, monkeypatch):
    looked_up = []
    look_up = socket.getaddrinfo

    def rebind(host, *arguments, **options):
        looked_up.append(host)
        return look_up("127.0.0.1", *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", rebind)

    assert post(f"https://localhost:{tls_endpoint}/", b"{}", {}).status == 200
    assert looked_up.count("localhost") == 1
