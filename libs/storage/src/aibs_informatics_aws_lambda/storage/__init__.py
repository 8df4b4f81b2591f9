"""Paths on S3, EFS and local disks, and the requests that speak of them."""
