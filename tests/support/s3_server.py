"""An S3 server on loopback that is made for more than tests of single requests."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from servers import moto_server, running

__all__ = ["S3Server", "s3_server"]

_NGINX = """\
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr;
events {{ worker_connections 2048; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  client_max_body_size 0;
  upstream rclone {{ server {rclone}; keepalive 64; }}
  server {{
    listen 127.0.0.1:PORT;
    location / {{
      proxy_pass http://rclone;
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header Connection "";
      proxy_set_header Accept-Encoding "";
      proxy_buffering off;
      proxy_request_buffering off;
      sub_filter_types application/xml text/xml;
      sub_filter_once off;
      sub_filter 'InitiateMultipartUpload>' 'InitiateMultipartUploadResult>';
    }}
  }}
}}
"""
"""The root element of one response has another name in rclone than in S3."""


@dataclass(frozen=True)
class S3Server:
    """An S3 server.

    Args:
        name: what it is.
        url: where it listens.
        has_files: whether its buckets are folders, and its objects files.
    """

    name: str
    url: str
    has_files: bool = False


@contextmanager
def s3_server(folder: Path, rclone: str, given: str | None = None) -> Iterator[S3Server]:
    """Run ``rclone serve s3`` behind nginx, or, where nginx is not installed, moto's server.

    Args:
        folder: for what it stores; what is in its `buckets` is there from the start, with rclone.
        rclone: the path of rclone.
        given: the URL of another server, which is taken instead.
    """
    if given:
        yield S3Server(given, given)
        return
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin") or shutil.which("nginx")
    if not nginx:
        with moto_server(folder / "moto.log") as url:
            yield S3Server("moto's server", url)
        return
    buckets = folder / "buckets"
    buckets.mkdir(exist_ok=True)
    # Without a key that it would insist on, it takes any.
    serve = [rclone, "serve", "s3", "--addr", "127.0.0.1:{port}", str(buckets)]
    with running(serve, "http://127.0.0.1:{port}/", folder / "rclone.log") as url:
        template = folder / "nginx.conf.in"
        host = url.removeprefix("http://").rstrip("/")
        template.write_text(_NGINX.format(folder=folder, rclone=host))
        configuration = folder / "nginx.conf"
        command = f"sed s/PORT/{{port}}/ {template} > {configuration} && exec {nginx} -c "
        with running(
            ["sh", "-c", f"{command}{configuration}"],
            "http://127.0.0.1:{port}/",
            folder / "nginx.log",
        ) as front:
            yield S3Server("rclone serve s3 behind nginx", front.rstrip("/"), has_files=True)
