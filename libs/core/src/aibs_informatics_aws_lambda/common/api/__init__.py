"""Handlers behind an HTTP API."""
